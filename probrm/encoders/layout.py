"""What stands around the texts: special tokens, role marks, a chat template's control tokens.

An input is ``frame text frame text … text frame``, where the last text is the response. Frames are token ids that the
tokenizer's owner wrote; texts are tokenised apart from them and with special tokens switched off, so nothing that a
text contains can pass for a frame, and cutting a long text leaves the frames whole.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal

from probrm.data.conversation import Conversation
from probrm.encoders.config import Text
from probrm.encoders.templates import render_template

RENDERING_VERSION = 1
"""Part of every encoder's key: raise it when the same conversation renders to other tokens."""

Form = Literal["chat", "pair", "marks", "response"]

_FIXED_DAY = "26 Jul 2024"
"""Some templates (Llama 3) write the day into the prompt; vectors must not change overnight."""
CLOCK_STOPPED = "{%- macro strftime_now(format) -%}" + _FIXED_DAY + "{%- endmacro -%}"
"""Hides the function of that name that transformers gives to templates."""
_LONGEST_TEMPLATE = 1_000_000
_ROLE_LINE = re.compile(r"(?m)^(?=>*(?:System|Developer|User|Assistant|Tool|Function):[ \t]*$)")


@dataclass(frozen=True)
class Layout:
    """One conversation before tokenising its texts.

    Attributes:
        frames: token ids around and between the texts, one more than there are texts.
        texts: the prompt's texts, oldest first, then the response.
    """

    frames: tuple[tuple[int, ...], ...]
    texts: tuple[str, ...]


class LayoutMaker:
    """Lays conversations out in the one form that suits a tokenizer.

    ``chat`` where it has a chat template; ``pair`` where its separator token can stand between prompt and response
    (BERT, T5); else ``marks``, lines that say ``User:`` and ``Assistant:``, where a text's own such lines are quoted
    with ``>`` as mail does. ``response`` leaves the prompt out.

    Attributes:
        form: the one chosen.
        notes: what a user should know about the choice.
    """

    def __init__(self, tokenizer: Any, text: Text) -> None:
        self._tokenizer = tokenizer
        self._by_template: dict[tuple[str, ...], tuple[tuple[int, ...], ...] | None] = {}
        self._by_marks: dict[tuple[str, ...], tuple[tuple[int, ...], ...]] = {}
        self.notes: list[str] = []
        word = self._ids("apple", special=True)
        around = _split_around(word, [self._ids("apple")])
        self._single = ((), ()) if around is None else around
        separated = self._separated_pair()
        self.form: Form
        if text == "response":
            self.form = "response"
        elif getattr(tokenizer, "chat_template", None):
            self.form = "chat"
        else:
            self.form = "marks" if separated is None else "pair"
        self._pair = separated

    def __call__(self, conversation: Conversation) -> Layout:
        """The frames and texts of one conversation."""
        if self.form == "response":
            return Layout(self._single, (conversation.response,))
        if self.form == "chat":
            return self._chat(conversation)
        return self._plain(conversation)

    def _plain(self, conversation: Conversation) -> Layout:
        if self._pair is not None:
            return Layout(self._pair, (conversation.prompt_text, conversation.response))
        messages = [*conversation.prompt_messages, {"role": "assistant", "content": conversation.response}]
        texts = tuple(_ROLE_LINE.sub(">", message["content"]) for message in messages)
        return Layout(self._mark_frames(tuple(message["role"] for message in messages)), texts)

    def _chat(self, conversation: Conversation) -> Layout:
        prompt = conversation.prompt_messages
        # Templates refuse roles that they do not know (a system message, two users in a row): then the chat becomes one user message.
        for messages in (prompt, [{"role": "user", "content": conversation.prompt_text}]):
            frames = self._template_frames((*(message["role"] for message in messages), "assistant"))
            if frames is not None:
                return Layout(frames, (*(message["content"] for message in messages), conversation.response))
        note = "the tokenizer's chat template cannot be used; prompts and responses are laid out as plain text instead"
        if note not in self.notes:
            self.notes.append(note)
        return self._plain(conversation)

    def _template_frames(self, roles: tuple[str, ...]) -> tuple[tuple[int, ...], ...] | None:
        if roles not in self._by_template:
            self._by_template[roles] = self._render_template(roles)
        return self._by_template[roles]

    def _render_template(self, roles: tuple[str, ...]) -> tuple[tuple[int, ...], ...] | None:
        places = [f"PROBRM{number}PLACE" for number in range(len(roles))]
        messages = [{"role": role, "content": place} for role, place in zip(roles, places, strict=True)]
        try:
            template = self._tokenizer.get_chat_template()
        except (ValueError, TypeError, KeyError, AttributeError):  # several, and none of them the usual one
            return None
        if not isinstance(template, str) or len(template) > _LONGEST_TEMPLATE:
            return None
        named = {**self._tokenizer.special_tokens_map, "date_string": _FIXED_DAY}
        rendered = render_template(CLOCK_STOPPED + template, named, messages)
        if rendered is None:
            return None
        pieces = re.split("|".join(places), rendered)
        if re.findall("|".join(places), rendered) != places:
            return None
        return tuple(tuple(self._ids(piece, parse=True)) for piece in pieces)

    def _mark_frames(self, roles: tuple[str, ...]) -> tuple[tuple[int, ...], ...]:
        if roles not in self._by_marks:
            before, after = self._single
            marks = [f"{role[:1].upper()}{role[1:]}:\n" for role in roles]
            first = (*before, *self._ids(marks[0]))
            self._by_marks[roles] = (first, *(tuple(self._ids(f"\n\n{mark}")) for mark in marks[1:]), after)
        return self._by_marks[roles]

    def _separated_pair(self) -> tuple[tuple[int, ...], ...] | None:
        """Special tokens before, between and after a pair, where a separator or end token stands between."""
        encoded = self._tokenizer("apple", "stone", padding=False, truncation=False)["input_ids"]
        frames = _split_around(encoded, [self._ids("apple"), self._ids("stone")])
        separators = {self._tokenizer.sep_token_id, self._tokenizer.eos_token_id} - {None}
        return frames if frames is not None and separators & set(frames[1]) else None

    def _ids(self, text: str, *, special: bool = False, parse: bool = False) -> list[int]:
        return self._tokenizer(text, add_special_tokens=special, split_special_tokens=not parse, padding=False, truncation=False)[
            "input_ids"
        ]


def _split_around(ids: list[int], parts: list[list[int]]) -> tuple[tuple[int, ...], ...] | None:
    """What stands before, between and after ``parts`` in ``ids``; None where one is not found whole."""
    frames, start = [], 0
    for part in parts:
        found = next((at for at in range(start, len(ids) - len(part) + 1) if part and ids[at : at + len(part)] == part), None)
        if found is None:
            return None
        frames.append(tuple(ids[start:found]))
        start = found + len(part)
    return (*frames, tuple(ids[start:]))
