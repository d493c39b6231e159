"""Thumbs: one column of up, down and none is two actions, one for and one against the answer.

Two actions and not three ordered levels: somebody who gave no thumb says little, and is not half way between up and down. On a log with
known labels the two actions predicted these better, too: a log loss of 0.25 against 0.28.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from probrm.data.columns.thumb_words import WORDS, has_thumb_words
from probrm.data.columns.values import Cells, parse_scores
from probrm.errors import DataError

if TYPE_CHECKING:
    from probrm.data.logs.actions import ActionSpec


def is_thumb(cells: Cells) -> bool:
    """Whether a column holds -1 and nothing else than -1, 0, 1 and missing, or words for thumbs with one against the answer."""
    try:
        found, bad = parse_scores(cells, fix="")
    except DataError:
        return False
    if bad.any():
        return has_thumb_words(cells)
    return bool((found == -1).any()) and bool(np.isin(found[np.isfinite(found)], (-1, 0, 1)).all())


def read_thumbs(cells: Cells, spec: ActionSpec, missing: float | None, notes: list[str]) -> Iterator[tuple[ActionSpec, np.ndarray]]:
    """The actions up and down, float32 (n,) of 0 and 1, those that occur; NaN where a thumb was not observed.

    Raises:
        DataError: a value that is no thumb, or no thumb in any row.
    """
    thumb = thumb_values(cells)
    unseen = int(np.isnan(thumb).sum())
    if missing is not None:
        thumb = np.nan_to_num(thumb)
    up, down = int((thumb == 1).sum()), int((thumb == -1).sum())
    if not up + down:
        raise DataError(f"{cells.source}, column {cells.name!r}: no row has a thumb; an action must vary", fix="leave it out of --actions")
    counts = f"up in {up} rows, down in {down}, none in {int((thumb == 0).sum())}"
    if unseen and missing is None:
        counts += f", not observed in {unseen} (where missing means none: --missing-action 0)"
    notes.append(
        f"column {cells.name!r}: read as thumbs, two actions: {counts}; --actions {cells.name}:ordinal takes them as ordered levels"
    )
    for name, value, against in (("up", 1, spec.against), ("down", -1, not spec.against)):
        if (thumb == value).any():
            values = np.where(np.isnan(thumb), np.nan, thumb == value).astype(np.float32)
            yield replace(spec, column=f"{cells.name}:{name}", kind="binary", against=against, guessed=False), values


def thumb_values(cells: Cells) -> np.ndarray:
    """float32 (n,) of 1 (up), -1 (down) and 0 (none); NaN where it is not known.

    Of numbers, -1, 0 and 1, a missing one is not known where 0 says that there is none; without a 0 it is none. Without a -1, 0 is
    down and missing is none. Booleans are up and down, and words that everybody has for thumbs are known: missing is none.

    Raises:
        DataError: another value.
    """
    fix = "say what the values mean: --values up=1,down=-1,none=0"
    kind = cells.values.type
    if pa.types.is_boolean(kind):
        values = [None if v is None else (1.0 if v else -1.0) for v in cells.values.to_pylist()]
        return np.array([0.0 if v is None else v for v in values], np.float32)
    found, bad = parse_scores(cells, fix=fix)
    if bad.any():  # words
        words = cells.values.to_pylist()
        for at in np.flatnonzero(bad):
            word = str(words[at]).strip().lower()
            if word not in WORDS:
                raise cells.error(int(at), "up, down, like, dislike, true, false, -1, 0, 1 or missing", fix)
            found[at] = WORDS[word]
    odd = np.isfinite(found) & ~np.isin(found, (-1, 0, 1))
    if odd.any():
        raise cells.error(int(odd.argmax()), "-1, 0, 1 or missing", fix)
    if not bad.any() and not (found == -1).any():
        return np.nan_to_num(np.where(found == 0, -1.0, found)).astype(np.float32)
    known = not bad.any() and bool((found == 0).any())
    return (found if known else np.nan_to_num(found)).astype(np.float32)
