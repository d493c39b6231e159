"""The text of an answer in whatever a tracer or a gateway keeps of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from probrm.data.products.contents import chat_of, dig, parsed, text_of
from probrm.data.products.product import Messages

_KEYS = ("output", "answer", "response", "result", "text", "content", "completion", "value", "message")


def answer_text(value: Any) -> str:
    """OpenAI's choices, Anthropic's content, LangChain's generations, a list of messages, ``{"output": …}``, or plain text.

    JSON text that is none of these is an answer in JSON.
    """
    if isinstance(value, str):
        inner = parsed(value)
        return value if isinstance(inner, str) or not _is_output(inner) else answer_text(inner) or value
    value = parsed(value)
    if isinstance(value, Mapping):
        choice = dig(value, "choices", 0)
        if choice is not None:
            return text_of(dig(choice, "message", "content") if dig(choice, "message") is not None else dig(choice, "text"))
        if dig(value, "generations") is not None:
            generation = dig(value, "generations", 0, 0) or dig(value, "generations", 0)
            return str(dig(generation, "text") or text_of(dig(generation, "message", "kwargs", "content") or dig(generation, "message")))
        if isinstance(dig(value, "messages"), list):
            return _last(chat_of(value))
        for key in _KEYS:
            if value.get(key) is not None and (found := answer_text(value[key])).strip():
                return found
        return text_of(value)
    if isinstance(value, list) and value and all(isinstance(one, Mapping) for one in value) and any(_SPOKEN & set(one) for one in value):
        return _last(chat_of(value))
    return text_of(value)


_SPOKEN = {"role", "message"}


def _is_output(value: Any) -> bool:
    """Whether JSON text is what a program wrote around an answer; an answer may be JSON itself."""
    if isinstance(value, Mapping):
        return (
            bool({"choices", "generations", "messages"} & set(value))
            or {"role", "content"} <= set(value)
            or set(value) in ({"output"}, {"content"})
        )
    return isinstance(value, list) and bool(value) and all(isinstance(one, Mapping) and _SPOKEN & set(one) for one in value)


def _last(chat: Messages) -> str:
    """The last thing that the assistant said."""
    said = [content for role, content in chat if role == "assistant"]
    return said[-1] if said else ""


def prompt_of(inputs: Any, answer: str) -> Messages:
    """The chat of an input; where it already ends in the answer, without it."""
    chat = chat_of(inputs)
    return chat[:-1] if chat and chat[-1] == ("assistant", answer) else chat
