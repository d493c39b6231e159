"""Explicit labels from a file of their own, given by annotators, joined to a log by the texts."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float32

from probrm.data.conversation import Conversation
from probrm.data.products.annotated import Given
from probrm.data.products.argilla import given_of as argilla
from probrm.data.products.feedback import WORDS
from probrm.data.products.label_studio import given_of as label_studio
from probrm.data.products.records import records
from probrm.errors import DataError

_FIX = "give a table with prompt, response and label (1, 0), or the export of an annotation tool with one question: good, yes or no"
_QUESTION = "good"
"""Of several questions the one that ``probrm acquire`` asks."""
Text = tuple[str, str]
"""Prompt and response."""


def with_labels(
    label: Float32[np.ndarray, " n"] | None, conversations: Sequence[Conversation], path: str, source: str, notes: list[str]
) -> Float32[np.ndarray, " n"]:
    """The log's labels with those of a file.

    Several annotators of an answer: what most of them say; nothing where they are split. An answer that the log shows several times has the label at its
    first row without one, since one judgment is one observation.

    Args:
        label: of the log, NaN where it has none; None without any.
        conversations: n of them.
        path: the file.
        source: the log, for messages.
        notes: gets what was joined.

    Raises:
        DataError: the file cannot be read, a label has no meaning, or none of its answers is in the log.
    """
    given = read_labels(path)
    found = np.full(len(conversations), np.nan, np.float32) if label is None else label.copy()
    places: dict[Text, list[int]] = {}
    for i, one in enumerate(conversations):
        places.setdefault((one.prompt_text, one.response), []).append(i)
    joined = split = lost = 0
    for text, votes in given.items():
        rows = places.get(text)
        mean = float(np.mean(votes))
        if rows is None:
            lost += 1
        elif mean == 0.5:
            split += 1
        else:
            at = next((row for row in rows if np.isnan(found[row])), None)
            if at is not None:
                found[at] = float(mean > 0.5)
                joined += 1
    if lost == len(given):
        raise DataError(
            f"{path}: none of its {len(given)} labelled answers is in {source}",
            fix="give labels of the log's own answers, with the same texts of prompt and response",
        )
    several = sum(len(votes) > 1 for votes in given.values())
    told = f"labels: {joined} of {len(given)} labelled answers of {os.path.basename(path)} joined"
    parts = [
        f"{several} have several annotators" if several else "",
        f"{split} left out, annotators are split" if split else "",
        f"{lost} are not in the log" if lost else "",
        f"{rest} have a label in the log" if (rest := len(given) - joined - split - lost) else "",
    ]
    notes.append("; ".join(filter(None, [told, *parts])))
    return found


def read_labels(path: str) -> dict[Text, list[float]]:
    """Of each answer, what its annotators say: 1 or 0 each.

    Raises:
        DataError: the file cannot be read, or a label has no meaning.
    """
    rows = list(records(path))
    if not rows:
        raise DataError(f"{path}: it has no rows", fix=_FIX)
    first = rows[0]
    read = argilla if "fields" in first or any(name.endswith(".responses") for name in first) else None
    if read is None and ("annotations" in first or "annotation_id" in first):
        read = label_studio
    found = _annotated(rows, path, read) if read else _table(rows, path)
    if not found:
        raise DataError(f"{path}: none of its {len(rows)} rows has a label", fix=_FIX)
    return found


def _annotated(rows: list[dict[str, Any]], path: str, read: Callable[..., tuple[list[Given], list[str]]]) -> dict[Text, list[float]]:
    found: dict[Text, list[float]] = {}
    for one in read(rows)[0]:
        name = next(iter(one.values)) if len(one.values) == 1 else _QUESTION
        if name not in one.values:
            raise DataError(
                f"{path}, {one.id}: it answers {', '.join(one.values)}; allowed: one question, or one called {_QUESTION!r}", fix=_FIX
            )
        if (value := _number(one.values[name], f"{path}, {one.id}")) is not None:
            found.setdefault(_texts(one.fields, path), []).append(value)
    return found


def _table(rows: list[dict[str, Any]], path: str) -> dict[Text, list[float]]:
    found: dict[Text, list[float]] = {}
    for number, row in enumerate(rows, 1):
        if missing := [name for name in ("prompt", "response", "label") if name not in row]:
            raise DataError(f"{path}, row {number}: it has no {' and no '.join(missing)}; found: {', '.join(map(str, row))}", fix=_FIX)
        if (value := _number(row["label"], f"{path}, row {number}")) is not None:
            found.setdefault(_texts(row, path), []).append(value)
    return found


def _texts(row: Mapping[str, Any], path: str) -> Text:
    prompt, response = row.get("prompt"), row.get("response")
    if not isinstance(prompt, str) or not isinstance(response, str):
        raise DataError(
            f"{path}: prompt and response are to be texts; found {type(prompt).__name__} and {type(response).__name__}", fix=_FIX
        )
    return prompt, response


def _number(given: Any, where: str) -> float | None:
    """1, 0, or None where nothing was said.

    Raises:
        DataError: something else.
    """
    value: Any = given[0] if isinstance(given, list) and len(given) == 1 else given
    if value is None or value == "" or value != value:
        return None
    if isinstance(value, str) and value.strip().lower() in WORDS:
        return max(WORDS[value.strip().lower()], 0.0)
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = np.nan
    if number in (0.0, 1.0):
        return number
    raise DataError(f"{where}: the label is {value!r}; allowed: 1, 0, yes, no, good, bad, true, false", fix=_FIX)
