"""Messages as chat products and data sets write them: who speaks, and what is said, as text."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

Turn = tuple[str, str]
Turns = tuple[Turn, ...]

_SYNONYMS = {
    "user": ("user", "human", "prompter"),
    "assistant": ("assistant", "gpt", "model", "ai", "bot", "chatbot", "function_call", "tool_call"),
    "system": ("system", "developer"),
    "tool": ("tool", "function", "observation", "tool_response", "tool_result", "function_response"),
}
ROLES = {name: role for role, names in _SYNONYMS.items() for name in names}
"""What a role is called, in lower case → the role."""
ROLES_ALLOWED = "; ".join(f"{role} ({', '.join(names[1:])})" for role, names in _SYNONYMS.items())

_SPEAKER = ("role", "from", "author", "sender")
_SAID = ("content", "value", "text", "parts")
_LANGCHAIN = ("human", "ai", "system", "tool")
"""LangChain's messages have their speaker under ``type``, and as it saves them the rest under ``data``."""
_TEXT_PARTS = {"text": "text", "input_text": "text", "output_text": "text", "refusal": "refusal"}
"""Kind of a content part → where its text is."""
_CALLS, _RESULTS = ("tool_use", "tool_call", "tool-call", "function_call"), ("tool_result", "tool-result", "function_call_output")
_LEFT_OUT = (
    *("image", "image_url", "input_image", "audio", "audio_url", "input_audio", "video", "video_url", "file", "input_file", "document"),
    *("thinking", "redacted_thinking", "reasoning", "source", "source-url", "step-start"),
)
"""Kinds of content parts that an encoder of texts cannot see; they are left out and counted."""
PARTS_ALLOWED = ", ".join((*_TEXT_PARTS, _CALLS[0], _RESULTS[0], "and, left out and counted, image, audio, video, file, reasoning"))


class UnknownForm(ValueError):
    """A message, a role or a part that is not known.

    Attributes:
        found: what it is, in the words that follow "found".
        allowed: what is.
    """

    def __init__(self, found: str, allowed: str) -> None:
        super().__init__(found)
        self.found, self.allowed = found, allowed


def is_message(value: Any) -> bool:
    """Whether this is an object with a speaker and something said, or a call of a tool."""
    if not isinstance(value, dict) or _speaker(value) is None:
        return False
    if isinstance(value.get("content"), str) or _saved(value) is not value:  # nearly always; files have millions
        return True
    said = [value[key] for key in _SAID if key in value]
    return any(one is None or isinstance(one, str | Mapping | Sequence) for one in said) or _calls(value) is not None


def is_part(value: Any) -> bool:
    """Whether this is one part of a message's content: ``{"type": "text", "text": …}``."""
    if not isinstance(value, dict) or is_message(value):
        return False
    return isinstance(value.get("type"), str) or [key for key, inner in value.items() if inner is not None] in (["text"], ["parts"])


def read_turn(message: Mapping[str, Any], left_out: Counter[str]) -> Turn:
    """One message as ``(role, text)``; calls of tools and their results are kept as text.

    Args:
        message: with a speaker under ``role``, ``from`` or ``author``, and a content under ``content``, ``value``, ``text`` or ``parts`` (Gemini);
            or LangChain's.
        left_out: counts the parts without text by kind.

    Raises:
        UnknownForm: the role or a part is unknown.
    """
    inner = _saved(message)
    filled = next((inner[key] for key in _SAID if inner.get(key)), None)  # some leave the content empty beside parts
    content, calls = read_content(filled, left_out), _calls(inner)
    said = content if not calls else "\n\n".join(filter(None, [content, _call_text(calls)]))
    return read_role(_speaker(message)), said


def read_role(name: Any) -> str:
    """``user``, ``assistant``, ``system`` or ``tool``, from any of their names in any case.

    Raises:
        UnknownForm: another name.
    """
    if isinstance(name, Mapping):  # ChatGPT's export: {"role": "user", "name": null}
        name = name.get("role")
    role = ROLES.get(name.strip().lower()) if isinstance(name, str) else None
    if role is None:
        raise UnknownForm(f"the role {name!r}", ROLES_ALLOWED)
    return role


def read_content(content: Any, left_out: Counter[str]) -> str:
    """The text of a message's content: a text, nothing, one part, or a list of parts, whose texts are joined.

    Raises:
        UnknownForm: a part is unknown, or the content is something else.
    """
    if content is None or isinstance(content, str):
        return content or ""
    if isinstance(content, Mapping):
        parts = content.get("parts")  # ChatGPT's export: {"content_type": "text", "parts": ["…"]}
        return _part_text(content, left_out) if parts is None else read_content(parts, left_out)
    if isinstance(content, Sequence):
        return _joined(content, left_out)
    raise UnknownForm(f"the content {_shown(content)}", "text, or a list of parts")


def _joined(parts: Sequence[Any], left_out: Counter[str]) -> str:
    """The texts of parts one behind the other; calls of tools and their results stand apart, as those beside a content do."""
    said, apart = "", False
    for part in parts:
        text = part if isinstance(part, str) else _part_text(part, left_out)
        tool = isinstance(part, Mapping) and part.get("type") in (*_CALLS, *_RESULTS)
        said += f"\n\n{text}" if said and text and (tool or apart) else text
        apart = tool if text else apart
    return said


def _part_text(part: Any, left_out: Counter[str]) -> str:
    kind = part.get("type") if isinstance(part, Mapping) else None
    if kind in _LEFT_OUT:
        left_out[kind] += 1
        return ""
    if kind in _CALLS:
        return _call_text([part])
    if kind in _RESULTS:
        result = _first(part, ("content", "output", "result"))
        return result if isinstance(result, str) else _result_text(result, left_out)
    where = "text" if kind is None and isinstance(part, Mapping) else _TEXT_PARTS.get(kind or "")
    text = part.get(where) if where else None
    if not isinstance(text, str):
        raise UnknownForm(f"a content part of type {kind!r}" if kind else f"the content part {_shown(part)}", PARTS_ALLOWED)
    return text


def _result_text(result: Any, left_out: Counter[str]) -> str:
    try:
        return read_content(result, left_out)
    except UnknownForm:  # what a tool returns may be any object; it is kept as JSON
        return json.dumps(result, ensure_ascii=False, default=str)


def _speaker(message: Mapping[str, Any]) -> Any:
    found, kind = _first(message, _SPEAKER), message.get("type")
    if found is None and isinstance(kind, str) and kind.lower() in _LANGCHAIN and ("content" in message or _saved(message) is not message):
        return kind
    return found


def _saved(message: Mapping[str, Any]) -> Mapping[str, Any]:
    """What LangChain saves under ``data``, or the message itself."""
    inner = message.get("data")
    return inner if isinstance(inner, Mapping) and "content" in inner and "content" not in message else message


def _calls(message: Mapping[str, Any]) -> Any:
    single = message.get("function_call")
    return message.get("tool_calls") or ([single] if isinstance(single, Mapping) else None)


def _call_text(calls: Any) -> str:
    """Calls of tools, one a line: ``tool call: weather({"city": "Oslo"})``."""
    lines = []
    for call in calls or ():
        inner = call.get("function") if isinstance(call, Mapping) and isinstance(call.get("function"), Mapping) else call
        if not isinstance(inner, Mapping):
            raise UnknownForm(f"the tool call {_shown(call)}", 'an object such as {"name": …, "arguments": …}')
        given = _first(inner, ("arguments", "input", "args"))
        text = given if isinstance(given, str) else json.dumps(given or {}, ensure_ascii=False, default=str)
        lines.append(f"tool call: {_first(inner, ('name', 'tool_name', 'toolName')) or 'unnamed'}({text})")
    return "\n".join(lines)


def _first(value: Mapping[str, Any], keys: Sequence[str]) -> Any:
    """The first of these keys that is there and not null: files with types write null where a key is missing."""
    for key in keys:
        if (found := value.get(key)) is not None:
            return found
    return None


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:59] + "…"
