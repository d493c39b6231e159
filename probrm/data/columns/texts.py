"""Prompts and responses from a file's columns, and which rows have both."""

from __future__ import annotations

from typing import TypeVar

import numpy as np

from probrm.data.columns.matching import Part
from probrm.data.columns.said import read_said, single
from probrm.data.columns.values import Cells
from probrm.data.conversation import Conversation
from probrm.data.messages import Turns
from probrm.errors import DataError

Prompt = str | Turns
T = TypeVar("T")
_EMPTY = "rows have an empty or non-text prompt or response"
_FILL = "check which columns hold the texts (--columns prompt=NAME,response=NAME), and fill or remove these rows"
_ALLOWED = "text, or lists of {role, content}"


def read_conversations(
    prompt: Part | None,
    response: Part | None,
    rows: np.ndarray,
    source: str,
    *,
    chat: bool,
    notes: list[str] | None = None,
    bare: bool = False,
) -> list[Conversation | None]:
    """One conversation a row; None where the prompt or the response is empty or no text.

    Without a response column the last message of a chat is the response, if the assistant wrote it.

    Args:
        prompt: text, or a chat in any form that ``read_said`` reads; None where the file has none and answers stand alone.
        response: text, or messages of the assistant.
        rows: the file's rows to read.
        source: the file, for messages.
        chat: whether prompts that are no chat are unusable (the column is ``messages``) rather than plain text.
        notes: gets what was left out of the messages.
        bare: whether an answer with an empty prompt counts: the export does not hold what was asked.

    Raises:
        DataError: a column holds neither text nor chats, or a role or a part is unknown.
    """
    notes = [] if notes is None else notes
    if prompt is None:
        assert response is not None
        answers = read_answers(Cells.of(source, response.name, response.values, rows), notes=notes)
        return [None if answer is None else Conversation("", answer) for answer in answers]
    prompts = read_prompts(Cells.of(source, prompt.name, prompt.values, rows), chat=chat, notes=notes)
    if response is None:
        return [_from_chat(found) for found in prompts]
    answers = read_answers(Cells.of(source, response.name, response.values, rows), notes=notes)
    if bare:
        prompts = ["" if found is None else found for found in prompts]
    return [
        None if found is None or answer is None else Conversation(_without_answer(found, answer), answer)
        for found, answer in zip(prompts, answers, strict=True)
    ]


def read_prompts(cells: Cells, *, chat: bool = False, notes: list[str]) -> list[Prompt | None]:
    """Text or chats, one a row; None where there is nothing, or no chat where ``chat`` says that only chats count.

    Raises:
        DataError: the column holds neither text nor chats, or a role or a part is unknown.
    """
    found = single(read_said(cells, _ALLOWED, notes), cells)
    return [None if chat and isinstance(said, str) else said for said in found]


def read_answers(cells: Cells, *, notes: list[str]) -> list[str | None]:
    """The texts of answers, one a row; None where there is nothing. Messages are the assistant's, with tools between them.

    Raises:
        DataError: the column holds neither text nor messages, or those of a row start or end with somebody else's.
    """
    found: list[str | None] = []
    for position, said in enumerate(single(read_said(cells, "text, or messages of the assistant", notes), cells)):
        if said is None or isinstance(said, str):
            found.append(said)
        elif said[0][0] == said[-1][0] == "assistant":
            found.append(join_turns(said))
        else:
            fix = "name the column of whole chats as the messages, without a response: --columns messages=NAME,response="
            raise cells.error(position, "messages of the assistant", fix)
    return found


def join_turns(turns: Turns) -> str:
    """The messages of an answer as one text; those of others are marked by their roles."""
    if all(role == "assistant" for role, _ in turns):
        return "\n\n".join(content for _, content in turns)
    return "\n\n".join([turns[0][1], *(f"{role}: {content}" for role, content in turns[1:])])


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
