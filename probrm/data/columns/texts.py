"""Prompts and responses from a file's columns, and which rows have both."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa

from probrm.data.columns.matching import Part
from probrm.data.columns.values import Cells
from probrm.data.conversation import Conversation
from probrm.data.files.arrow import is_list, is_text, kernels, to_flags
from probrm.errors import DataError

Prompt = str | tuple[tuple[str, str], ...]
T = TypeVar("T")
_EMPTY = "rows have an empty or non-text prompt or response"
_FILL = "check which columns hold the texts (--columns prompt=NAME,response=NAME), and fill or remove these rows"
_LOOKS_LIKE_CHAT = r"^\s*\[\s*\{"


def read_conversations(prompt: Part, response: Part | None, rows: np.ndarray, source: str, *, chat: bool) -> list[Conversation | None]:
    """One conversation a row; None where the prompt or the response is empty or no text.

    Without a response column the last message of a chat is the response, if the assistant wrote it.

    Args:
        prompt: text, or a chat: a list of {role, content}, or JSON text of one.
        response: text.
        rows: the file's rows to read.
        source: the file, for messages.
        chat: whether prompts that are no chat are unusable (the column is ``messages``) rather than plain text.

    Raises:
        DataError: a column holds neither text nor chats.
    """
    prompts = read_prompts(Cells.of(source, prompt.name, prompt.values, rows), chat=chat)
    if response is None:
        return [_from_chat(found) for found in prompts]
    answers = read_texts(Cells.of(source, response.name, response.values, rows), "text")
    return [
        None if found is None or answer is None else Conversation(_without_answer(found, answer), answer)
        for found, answer in zip(prompts, answers, strict=True)
    ]


def read_prompts(cells: Cells, *, chat: bool) -> list[Prompt | None]:
    """Text or chats, one a row; None where there is nothing, or no chat where ``chat`` says that only chats count.

    Raises:
        DataError: the column holds neither text nor chats.
    """
    allowed = "text, or lists of {role, content}"
    kind = cells.values.type
    if is_list(kind):
        return _read_chats(cells, allowed)
    texts = read_texts(cells, allowed)
    if pa.types.is_null(kind):
        return list(texts)
    maybe = np.flatnonzero(to_flags(kernels.match_substring_regex(cells.values, _LOOKS_LIKE_CHAT)))
    found: list[Prompt | None] = [None] * len(texts) if chat else list(texts)
    for position in maybe:
        messages = _parse_chat(texts[position])
        if messages is not None:
            found[position] = messages if any(content.strip() for _, content in messages) else None
    return found


def read_texts(cells: Cells, allowed: str) -> list[str | None]:
    """Texts, one a row; None where there is nothing but white space.

    Raises:
        DataError: the column holds no text; ``allowed`` says what it may hold.
    """
    kind = cells.values.type
    if pa.types.is_null(kind):
        return [None] * len(cells.rows)
    if not is_text(kind):
        raise cells.refuse_type(allowed, "name the columns that hold the texts: --columns prompt=NAME")
    blank = kernels.equal(kernels.utf8_trim_whitespace(cells.values), "")
    return kernels.if_else(blank, pa.scalar(None, kind), cells.values).to_pylist()


def _read_chats(cells: Cells, allowed: str) -> list[Prompt | None]:
    item = cells.values.type.value_type
    if pa.types.is_null(item):  # every list is empty
        return [None] * len(cells.rows)
    fields = {item.field(i).name: item.field(i).type for i in range(item.num_fields)} if pa.types.is_struct(item) else {}
    if not (is_text(fields.get("role", pa.null())) and is_text(fields.get("content", pa.null()))):
        raise cells.refuse_type(allowed, 'write each prompt as text, or as [{"role": "user", "content": "…"}, …]')
    found: list[Prompt | None] = []
    for chunk in cells.values.chunks:
        messages = chunk.flatten()
        roles, contents = messages.field("role").to_pylist(), messages.field("content").to_pylist()
        lengths = kernels.fill_null(kernels.list_value_length(chunk), 0).to_numpy(zero_copy_only=False)
        for start, end in pairwise(np.concatenate([[0], np.cumsum(lengths)]).tolist()):
            said = [content or "" for content in contents[start:end]]  # a call of a tool has no content
            usable = any(content.strip() for content in said) and None not in roles[start:end]
            found.append(tuple(zip(roles[start:end], said, strict=True)) if usable else None)
    return found


def _parse_chat(text: str | None) -> tuple[tuple[str, str], ...] | None:
    try:
        messages: Any = json.loads(text or "")
        return tuple((_text(m["role"]), _text(m["content"] or "")) for m in messages) or None
    except (ValueError, KeyError, TypeError, RecursionError):
        return None  # then it is a text that happens to start like one


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _from_chat(prompt: Prompt | None) -> Conversation | None:
    if prompt is None or isinstance(prompt, str) or len(prompt) < 2 or prompt[-1][0] != "assistant" or not prompt[-1][1].strip():
        return None
    return Conversation(prompt[:-1], prompt[-1][1])


def _without_answer(prompt: Prompt, answer: str) -> Prompt:
    """A chat that already ends in the response is cut before it, or it would be seen twice."""
    if not isinstance(prompt, str) and len(prompt) > 1 and prompt[-1] == ("assistant", answer):
        return prompt[:-1]
    return prompt


def keep_usable(
    found: list[T | None], rows: np.ndarray, source: str, notes: list[str], *, what: str = _EMPTY, fix: str = _FILL
) -> tuple[list[T], np.ndarray]:
    """Drops what is None and notes how many; refuses a file where that is more than a fifth.

    Args:
        found: what was read, one a row.
        rows: the rows' 0-based positions in the file.
        source: the file, for messages.
        notes: gets a line where something is dropped.
        what: what is the matter with those that are None, after "3 of 60".
        fix: how to correct them.

    Raises:
        DataError: more than 20 % of the rows are None.
    """
    usable = np.fromiter((value is not None for value in found), dtype=bool, count=len(found))
    lost = int((~usable).sum())
    if lost == 0:
        return [value for value in found if value is not None], rows
    first = rows[(~usable).argmax()] + 1
    said = f"{lost} of {len(found)} {what} (the first is row {first})"
    if lost > 0.2 * len(found):
        raise DataError(f"{source}: {said}; allowed: at most 20 %", fix=fix)
    notes.append(f"dropped: {said}")
    return [value for value in found if value is not None], rows[usable]
