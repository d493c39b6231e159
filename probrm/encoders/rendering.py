"""From conversations to token ids of at most ``max_length``, keeping both prompt and response, and where each of them stands."""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from probrm.data.conversation import Conversation
from probrm.encoders.config import Text
from probrm.encoders.layout import Layout, LayoutMaker
from probrm.encoders.long_texts import LongTexts, Side
from probrm.errors import EncoderError

_LEAST_TEXT = 4
_FRAME, _PROMPT, _RESPONSE = range(3)


@dataclass(frozen=True, slots=True)
class Rendered:
    """One conversation as a model takes it, ``t`` tokens long.

    Attributes:
        ids: token ids, special tokens included, never empty.
        parts: a byte for each token: 0 special tokens, role marks and templates, 1 a text of the prompt, 2 the response.
        prompt_only: there is no response: the vector asked for is the prompt's own.
    """

    ids: list[int]
    parts: bytes
    prompt_only: bool = False

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def text(self) -> list[bool]:
        """Which tokens are the response's; without any, which are the prompt's; without any, all."""
        part = next((part for part in (_RESPONSE, _PROMPT) if part in self.parts), _FRAME)
        return [found == part for found in self.parts]


class Renderer:
    """Tokenises conversations in the form that suits the tokenizer (see :class:`LayoutMaker`).

    Attributes:
        max_length: the most tokens of one input.
        seen: distinct inputs rendered so far.
        truncated: how many of them were cut.
        merged: how many distinct texts fell together with another one (cut, or distinguished only by what the tokenizer drops).
    """

    def __init__(self, tokenizer: Any, *, text: Text, max_length: int) -> None:
        self._tokenizer = tokenizer
        self._layout = LayoutMaker(tokenizer, text)
        self.max_length = max_length
        self._long = LongTexts(self._tokenize, max_length)
        self._first_texts: dict[bytes, int] = {}
        self._counted: set[int] = set()
        self.truncated = 0
        self.merged = 0
        spare = (getattr(tokenizer, name, None) for name in ("eos_token_id", "bos_token_id", "pad_token_id"))
        self._nothing = [next((token for token in spare if token is not None), 0)]

    @property
    def form(self) -> str:
        """How prompt and response are laid out: ``chat``, ``pair``, ``marks`` or ``response``."""
        return self._layout.form

    @property
    def seen(self) -> int:
        """Distinct inputs rendered so far."""
        return len(self._counted)

    @property
    def notes(self) -> list[str]:
        """What a user should know about the texts encoded so far."""
        notes = list(self._layout.notes)
        if self.truncated:
            notes.append(
                f"{self.truncated} of {self.seen} texts are longer than {self.max_length} tokens and were cut "
                f"(prompts at their beginning, responses at their end)"
            )
        if self.merged:
            notes.append(f"{self.merged} of {self.seen} texts differ from another only in what was cut or the tokenizer drops: same vector")
        return notes

    def __call__(self, conversations: Sequence[Conversation]) -> list[Rendered]:
        """Token ids of each conversation, and which of them belong to its prompt and its response.

        Raises:
            EncoderError: ``max_length`` leaves no room for text in addition to the special tokens.
        """
        layouts = [self._layout(conversation) for conversation in conversations]
        tokens = self._long({side for layout in layouts for side in _sides(layout)})
        return [self._assemble(layout, tokens) for layout in layouts]

    def _tokenize(self, texts: list[str]) -> list[list[int]]:
        # Lone surrogates (JSON's "\ud800") are no text to a tokenizer.
        clean = [text.encode("utf-8", "replace").decode("utf-8") for text in texts]
        encoded = self._tokenizer(
            clean,
            add_special_tokens=False,
            split_special_tokens=True,
            padding=False,
            truncation=False,
            return_attention_mask=False,
            return_token_type_ids=False,
        )
        return encoded["input_ids"]

    def _assemble(self, layout: Layout, tokens: dict[Side, list[int]]) -> Rendered:
        *inner, last_frame, end = layout.frames
        texts = [tokens[side] for side in _sides(layout)]
        response = texts[-1]
        first_frame = inner[0] if inner else ()
        between = [*inner[1:], ()]
        prompt = list(chain.from_iterable(chain(text, frame) for text, frame in zip(texts[:-1], between, strict=False)))
        parts = b"".join(_part(_PROMPT, text) + _part(_FRAME, frame) for text, frame in zip(texts[:-1], between, strict=False))
        room = self.max_length - len(last_frame) - len(end)
        # A template's long preamble must not crowd out the texts: at most a quarter, its first token (begin of text) kept.
        frame = _shorten_left(list(first_frame), max(2, room // 4), keep_first=True) if len(first_frame) > room // 4 else list(first_frame)
        room -= len(frame)
        if room < _LEAST_TEXT:
            raise EncoderError(
                f"max_length {self.max_length} leaves {max(room, 0)} tokens for text in addition to this tokenizer's special tokens and role marks",
                fix=f"set max_length to {self.max_length - room + 64} or more",
            )
        cut = len(prompt) + len(response) > room
        if cut:
            keep = _share(len(prompt), len(response), room)
            prompt, parts, response = _shorten_left(prompt, keep), parts[max(0, len(parts) - keep) :], response[: room - keep]
        ids = [*frame, *prompt, *last_frame, *response, *end] or list(self._nothing)
        self._count(layout, ids, cut)
        parts = _part(_FRAME, frame) + parts + _part(_FRAME, last_frame) + _part(_RESPONSE, response)
        return Rendered(ids, parts.ljust(len(ids), bytes([_FRAME])), prompt_only=len(texts) > 1 and not layout.texts[-1])

    def _count(self, layout: Layout, ids: list[int], cut: bool) -> None:
        content = hash(layout)
        if content in self._counted:
            return
        self._counted.add(content)
        self.truncated += cut
        digest = hashlib.blake2b(array("q", ids).tobytes(), digest_size=16).digest()
        self.merged += self._first_texts.setdefault(digest, content) != content


def _sides(layout: Layout) -> list[Side]:
    """The texts, and which end of them is kept where they are too long: of the prompt's the end, of the response the beginning."""
    *prompt, response = layout.texts
    return [*((text, True) for text in prompt), (response, False)]


def _part(part: int, tokens: Sequence[int]) -> bytes:
    return bytes([part]) * len(tokens)


def _share(prompt: int, response: int, room: int) -> int:
    """Tokens of ``room`` for the prompt when both do not fit: the longer of the two is cut first, to no less than half."""
    if response <= room - room // 2:
        return room - response
    return min(prompt, room // 2)


def _shorten_left(ids: list[int], keep: int, *, keep_first: bool = False) -> list[int]:
    if keep >= len(ids):
        return ids
    if keep_first:
        return [ids[0], *_shorten_left(ids[1:], keep - 1)]
    return ids[len(ids) - keep :]
