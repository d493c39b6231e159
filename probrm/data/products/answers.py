"""Answers of an export as a table with a log's native columns."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from probrm.data.exposures import Verdict
from probrm.data.products.feedback import feedback_column
from probrm.data.products.product import Answer, Asked, Reading
from probrm.errors import DataError

_CHAT = pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))
_NATIVE = ("id", "prompt", "response", "user_id", "session_id", "timestamp")


def reading_of(
    answers: Sequence[Answer],
    asked: Asked,
    source: str,
    *,
    aliases: Mapping[str, str] | None = None,
    cause: tuple[Verdict, str] | None = None,
    notes: Sequence[str] = (),
    missing: str = "no feedback",
    what: str = "answers",
) -> Reading:
    """The table of answers: one row each, those without any text left out and counted.

    Args:
        answers: in the order of the export.
        asked: what the user said.
        source: the export, for messages.
        aliases: how the export calls a kind of feedback → its name in ``Answer.feedback``.
        cause: what the form of the export makes of its exposures.
        notes: of the reader.
        missing: what a missing feedback is called in notes.
        what: what was looked for, for messages.

    Raises:
        DataError: there are no answers, or some feedback cannot be read, and none that can be is named.
    """
    told = list(notes)
    usable = [answer for answer in answers if answer.response.strip()]
    if not usable:
        raise DataError(f"{source}: there are no {what} in it", fix="export again with the texts of prompts and answers")
    if len(usable) < len(answers):
        told.append(f"dropped: {len(answers) - len(usable)} of {len(answers)} {what} have no text")
    bare = sum(not answer.prompt for answer in usable)
    if bare:
        told.append(f"{bare} of {len(usable)} {what} have no message before them in the export: their prompt is empty")
    names = list(dict.fromkeys(name for answer in usable for name in answer.feedback))
    columns: dict[str, Any] = {
        "id": _ids([answer.id for answer in usable]),
        "prompt": pa.array([[{"role": r, "content": c} for r, c in answer.prompt] for answer in usable], _CHAT),
        "response": pa.array([answer.response for answer in usable], pa.large_string()),
    }
    for native, values in (
        ("user_id", [answer.user for answer in usable]),
        ("session_id", [answer.session for answer in usable]),
        ("timestamp", [answer.timestamp for answer in usable]),
    ):
        if any(value is not None for value in values):
            columns[native] = pa.array([None if value is None else str(value) for value in values], pa.string())
    kinds: dict[str, str] = {}
    named = {(aliases or {}).get(name, name) for name in asked.named}
    unread: list[DataError] = []
    for name in names:
        column = f"feedback.{name}" if name in _NATIVE else name
        given = [answer.feedback.get(name) for answer in usable]
        try:
            values, kinds[column], said = feedback_column(name, given, asked.codes, source, missing=missing)
        except DataError as error:  # a topic or a comment, beside what users did
            unread.append(error)
            columns[column] = _plain(given)
            told.append(f"left out: feedback {name!r}, which is no action ({error.what.partition(': ')[2].partition(';')[0]})")
            continue
        columns[column] = pa.array(values, from_pandas=True)
        told += said
    if unread and not named & set(kinds):  # one of these may be the action
        other = f"; or name another kind of feedback: --columns action={next(iter(kinds))}" if kinds else ""
        raise DataError(unread[0].what, fix=unread[0].fix + other)
    for name in dict.fromkeys(name for answer in usable for name in answer.more):
        if name not in columns:
            columns[name] = _plain([answer.more.get(name) for answer in usable])
    return Reading(pa.table(columns), kinds, cause, told, dict(aliases or {}))


def _ids(ids: Sequence[str]) -> pa.Array:
    """Ids where all answers have different ones; else places in the export."""
    return pa.array(ids if all(ids) and len(set(ids)) == len(ids) else [str(i) for i in range(len(ids))], pa.string())


def _plain(values: Sequence[Any]) -> pa.Array:
    """Numbers and booleans as they are, where all are of one kind; everything else as text."""
    kinds = {type(value) for value in values if value is not None}
    if kinds and (kinds <= {int, float} or kinds == {bool}):
        return pa.array(values, pa.float64() if kinds <= {int, float} and kinds != {int} else None)
    return pa.array(
        [None if v is None else v if isinstance(v, str) else json.dumps(v, ensure_ascii=False, default=str) for v in values], pa.string()
    )
