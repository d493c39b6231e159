"""Feedback from another file, joined to the answers of an export by a key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from probrm.data.files.arrow import kernels
from probrm.data.files.hints import listed
from probrm.data.products.contents import dig
from probrm.data.products.product import Answer, Asked
from probrm.data.products.records import records
from probrm.errors import DataError

_NAMES = ("name", "annotation_name", "feedback_name", "key", "kind")
_VALUES = ("score", "value", "rating", "thumb", "thumbs", "feedback", "action", "result.score", "string_value", "label", "result.label")


def places(wanted: Sequence[str | None], among: Sequence[str | None]) -> np.ndarray:
    """int64 (n,): where each of ``wanted`` stands in ``among``, −1 where it does not.

    A hash table of ``among`` alone is held, and the wanted ids go past it in Arrow's own memory: the smaller side is the table.
    """
    ids, table = pa.array(wanted, pa.large_string()), pa.array(among, pa.large_string())
    found = kernels.index_in(ids, value_set=table, skip_nulls=True)
    return np.array(kernels.fill_null(found, -1).to_numpy(zero_copy_only=False), dtype=np.int64)


@dataclass(frozen=True)
class Given:
    """One piece of feedback in rows of their own.

    Attributes:
        about: key of the answer.
        name: kind of feedback.
        value: None where it says nothing.
        judged: whether a program gave it.
    """

    about: str | None
    name: str
    value: Any
    judged: bool


def attached(given: Sequence[Given], answers: Mapping[str, Answer], asked: Asked, source: str, *, what: str, place: str) -> list[str]:
    """Adds feedback to the answers that it is about, that of programs only where its kind is named, and says what was left out.

    Args:
        given: the feedback.
        answers: by their keys.
        asked: what the user named.
        source: the file, for messages.
        what: what the export calls such rows.
        place: what it calls what they are about.

    Raises:
        DataError: there is some, and none of it is about an answer that is there.
    """
    judged, lost, order = 0, 0, list(answers.values())
    for one, at in zip(given, places([one.about for one in given], list(answers)).tolist(), strict=True):
        if one.judged and one.name not in asked.named:
            judged += 1
        elif at < 0:
            lost += 1
        elif one.value is not None:
            order[at].feedback[one.name] = one.value
    if lost and lost + judged == len(given):
        raise DataError(
            f"{source}: none of the {lost} {what} is about a {place} that is there",
            fix=f"export {place}s and {what} of the same project and time",
        )
    notes = [f"left out: {judged} {what} that programs gave; name their key to use it"] if judged else []
    return [*notes, f"feedback: {lost} of {len(given)} {what} are about {place}s that are not in the export"] if lost else notes


def joined(answers: Sequence[Answer], asked: Asked, source: str) -> list[str]:
    """Adds the feedback of ``--feedback`` to the answers, and says how much of it was found.

    Raises:
        DataError: the key is not in the export or not in the file, the values are not found, or nothing matches.
    """
    if asked.feedback is None or asked.on is None:
        return []
    keys = list(dict.fromkeys(key for answer in answers for key in answer.keys))
    if asked.on not in keys:
        raise DataError(
            f"--on {asked.on}: {source} has no such key; allowed: {', '.join(keys) or 'none'}",
            fix=f"write --on {keys[0]}" if keys else "leave --feedback out",
        )
    rows = list(records(asked.feedback))
    names = list(dict.fromkeys(name for row in rows for name in row))
    if asked.on not in names:
        raise DataError(
            f"{asked.feedback}: there is no column {asked.on!r} (named with --on); found: {listed(names)}",
            fix=f"allowed keys: {', '.join(keys)}",
        )
    value = _value_column(rows, names, asked)
    kind = next((name for name in _NAMES if name in names), None)
    at = places([_key(row.get(asked.on)) for row in rows], [_key(answer.keys.get(asked.on)) for answer in answers])
    lost, again = 0, 0
    for row, place in zip(rows, at.tolist(), strict=True):
        given = dig(row, value) if value in row else dig(row, *value.split("."))
        if place < 0:
            lost += 1
        elif given is not None and given != "":
            name = str(row[kind]) if kind is not None and row.get(kind) not in (None, "") else value
            again += name in answers[place].feedback and answers[place].feedback[name] != given
            answers[place].feedback[name] = given
    if lost == len(rows):
        raise DataError(
            f"{asked.feedback}: none of its {len(rows)} rows has a {asked.on} that is in {source}",
            fix="check that both files are of the same time and product",
        )
    notes = [f"feedback: {len(rows) - lost} of {len(rows)} rows of {asked.feedback} joined by {asked.on}"]
    if lost:
        notes.append(f"feedback: {lost} of {len(rows)} rows are about answers that are not in the export")
    if again:
        notes.append(f"feedback: {again} rows say otherwise than an earlier one about the same answer; the last one counts")
    return notes


def _value_column(rows: Sequence[Mapping[str, Any]], names: Sequence[str], asked: Asked) -> str:
    """The column that holds the feedback: a named one, else one with a usual name.

    Raises:
        DataError: there is none, or there are several.
    """
    named = [name for name in asked.named if name in names]
    likely = named or [name for name in _VALUES if name in names and any(row.get(name) not in (None, "") for row in rows)]
    if len(likely) > 1 and likely[0] in ("score", "value"):  # the others say the same in words
        likely = likely[:1]
    if len(likely) != 1:
        what = "no column holds the feedback" if not likely else f"several columns may hold the feedback: {', '.join(likely)}"
        raise DataError(f"{asked.feedback}: {what}; found: {listed(names)}", fix="say which one: --columns action=NAME")
    return likely[0]


def _key(value: Any) -> str | None:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return None if value in (None, "") else str(value)
