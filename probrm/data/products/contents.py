"""What lies inside of a record: values in JSON text, the text of a message, the messages of a chat."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from probrm.data.files.json_values import BrokenJson, parse
from probrm.data.messages import ROLES
from probrm.data.products.product import Messages


def parsed(value: Any) -> Any:
    """JSON text as what it says; everything else as it is. A list of pairs, as Arrow has maps, is a mapping."""
    if isinstance(value, str) and value.strip()[:1] in ("{", "["):
        try:
            return parse(value)
        except BrokenJson:
            return value
    if isinstance(value, list) and value and all(isinstance(item, tuple) and len(item) == 2 for item in value):
        return dict(value)
    return value


def text_or_none(value: Any) -> str | None:
    """A value as text; None where it says nothing: missing, empty or not a number."""
    return None if value is None or value == "" or value != value else str(value)


def dig(value: Any, *path: str | int) -> Any:
    """What a path leads to, through JSON text too; None where it leads nowhere. Keys with dots may be written in one step."""
    for step in path:
        value = parsed(value)
        if isinstance(value, Mapping):
            value = value.get(step)
        elif isinstance(value, list) and isinstance(step, int) and -len(value) <= step < len(value):
            value = value[step]
        else:
            return None
    return value


def mapping(value: Any, *path: str | int) -> Mapping[str, Any]:
    """The mapping that a path leads to, also where it is written as JSON text, as a CSV has it; an empty one where there is none."""
    found = parsed(dig(value, *path))
    return found if isinstance(found, Mapping) else {}


_SILENT = (
    "think",
    "thinking",
    "reasoning",
    "redacted_thinking",
    "tool_call",
    "tool-call",
    "tool_use",
    "image",
    "image_url",
    "file",
    "error",
)
"""Parts of a message that are no words of the answer."""


def text_of(value: Any) -> str:
    """The text of a message's content: text as it is, parts of which those of text count, or a message; empty where there is none."""
    if isinstance(value, str):
        return value
    value = parsed(value)
    if isinstance(value, Mapping):
        if str(value.get("type", "")).lower() in _SILENT:
            return ""
        for key in ("content", "text", "value", "output", "answer", "response"):
            if value.get(key) is not None and (found := text_of(value[key])):
                return found
        return ""
    if isinstance(value, Iterable) and not isinstance(value, bytes):
        return "\n".join(filter(None, (text_of(part) for part in value)))
    return ""


def chat_of(value: Any) -> Messages:
    """Messages of anything that looks like a chat; plain text is one message of the user, and so is JSON text that is no chat."""
    if isinstance(value, str):
        inner = parsed(value)
        if not isinstance(inner, str) and _is_chat(inner) and (found := chat_of(inner)):
            return found
        return (("user", value),) if value.strip() else ()
    value = parsed(value)
    if isinstance(value, Mapping):
        if set(value) == _CALL:
            args = value["args"] if isinstance(value["args"], list) else [value["args"]]
            return tuple(message for one in (*args, value["kwargs"]) for message in chat_of(one))
        for key in _ASKED:
            if value.get(key) is not None and (found := chat_of(value[key])):
                return found
        return ()
    if isinstance(value, list):
        if value and all(isinstance(one, list) for one in value) and not _pair(value[0]):
            return chat_of(value[0])  # a batch of one chat
        return tuple(message for one in value if (message := message_of(one)) is not None)
    return ()


_ASKED = (
    *("messages", "input", "prompt", "question", "query", "text", "content"),
    *("user_input", "user_query", "user_message", "message"),
)
"""Where an input keeps what was asked, the first that says something."""
_CALL = {"args", "kwargs"}
"""What a decorator writes of the call of a function that it traces."""


def _is_chat(value: Any) -> bool:
    """Whether JSON text is a chat, and not what somebody pasted into one."""
    if isinstance(value, Mapping):
        if {"messages", "input", "question", "query", "prompt"} & set(value) or set(value) == _CALL:
            return True
        return "content" in value and bool({"role", "type"} & set(value))
    if isinstance(value, list) and value and isinstance(value[0], list):
        return _is_chat(value[0])
    return isinstance(value, list) and bool(value) and all(isinstance(one, Mapping) and bool(_SPEAKERS & set(one)) for one in value)


_SPEAKERS = {"role", "type", "author", "from", "sender", "kwargs", "message", "message.role"}


def message_of(value: Any) -> tuple[str, str] | None:
    """``(role, content)`` of one message; None where it has no text."""
    value = parsed(value)
    if _pair(value):
        role, content = value
    elif isinstance(value, Mapping):
        value = value.get("message") if isinstance(value.get("message"), Mapping) else value
        kwargs = value.get("kwargs") if isinstance(value.get("kwargs"), Mapping) else {}  # LangChain's own form
        role = (
            _first(value, "role", "type", "author", "from", "sender")
            if "kwargs" not in value
            else (kwargs.get("type") or (value.get("id") or [""])[-1])
        )
        content = _first(kwargs or value, "content", "text", "value", "parts", "message")
    elif isinstance(value, str):
        role, content = "user", value
    else:
        return None
    text = text_of(content)
    return (role_of(role), text) if text.strip() else None


def _pair(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and isinstance(value[0], str) and (value[1] is None or isinstance(value[1], str))


def _first(value: Mapping[str, Any], *names: str) -> Any:
    return next((value[name] for name in names if value.get(name) is not None), None)


_ROLES = ROLES | {"humanmessage": "user", "aimessage": "assistant", "systemmessage": "system", "toolmessage": "tool"}
"""What a role is called; LangChain calls it by its classes."""


def role_of(role: Any) -> str:
    """A role by its usual name, in lower case."""
    name = str(role or "user").lower()
    return _ROLES.get(name, name)
