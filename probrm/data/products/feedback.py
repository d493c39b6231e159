"""What users' feedback means: its values in an export, as numbers of one kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from probrm.data.columns.coding import recoded
from probrm.data.columns.thumb_words import WORDS
from probrm.data.columns.values import Cells, parse_scores
from probrm.data.files.hints import shown, spelled
from probrm.errors import DataError

_LEVELS = 20


def feedback_column(
    name: str, values: Sequence[Any], codes: Mapping[str, float | None], source: str, *, missing: str = "none"
) -> tuple[np.ndarray, str, list[str]]:
    """One kind of feedback as float64 (n,), its kind, and what to say of the reading.

    - 1 where it was given, nothing else: ``binary``, and 0 where it is missing.
    - 0 and 1 in every row: ``binary``.
    - 0 and 1, missing where nobody said anything; -1 and 1; words: ``thumb``, 1 up, -1 down, 0 where it is missing.
    - other whole numbers: ``ordinal``, missing where it is missing; other numbers: ``log-normal`` if they are positive.

    Args:
        name: of the feedback, for messages and ``codes``.
        values: as the export has them, None where there is none, NaN where none could be given.
        codes: what values mean, see ``probrm.data.columns.coding``.
        source: the export, for messages.
        missing: who a missing value is, for notes.

    Raises:
        DataError: words that are not known, or values that are no numbers.
    """
    found = _numbers(name, values, codes, source)
    unasked = np.array([isinstance(value, float) and np.isnan(value) for value in values])
    there = found[np.isfinite(found)]
    kinds, gaps = set(there.tolist()), len(there) + int(unasked.sum()) < len(found)
    notes: list[str] = []
    if kinds == {1.0} or (kinds == {0.0, 1.0} and not gaps):
        return np.where(unasked, np.nan, np.nan_to_num(found)), "binary", notes
    if kinds and kinds <= {-1.0, 0.0, 1.0}:
        if -1.0 not in kinds:
            notes.append(f"feedback {name!r}: 1 is read as up, 0 as down, {missing} as no action; where 0 means no action: --values 0=null")
            found = np.where(found == 0, -1.0, found)
        return np.where(unasked, np.nan, np.nan_to_num(found)), "thumb", notes
    if all(value == int(value) for value in kinds) and len(kinds) <= _LEVELS:
        if kinds:
            notes.append(f"feedback {name!r}: ordered levels {_listed(kinds)}; rows without it count as not observed")
        return found, "ordinal", notes
    return found, "log-normal", notes


def _numbers(name: str, values: Sequence[Any], codes: Mapping[str, float | None], source: str) -> np.ndarray:
    texts = [
        None if v is None else ("true" if v else "false") if isinstance(v, bool) else spelled(v) if isinstance(v, float) else str(v)
        for v in values
    ]
    words = any(text is not None and text.strip().lower() in WORDS for text in texts)
    rows = np.arange(len(values), dtype=np.int64)
    cells = Cells.of(source, name, pa.array(texts, pa.large_string()), rows)
    if codes:
        known = dict(codes)
        if words:  # words that everybody has keep their meaning unless it was said
            known = {**{word: number for word, number in WORDS.items() if word not in codes}, **known}
        cells = recoded(cells, known, "action")
    found, bad = parse_scores(cells, fix="")
    boolean = _boolean(texts)
    for at in np.flatnonzero(bad):
        word = str(texts[at]).strip().lower()
        if word not in WORDS:
            raise DataError(
                f"{source}, feedback {name!r}: found {shown(texts[at])}; allowed: numbers, up, down, like, dislike, true, false and the like",
                fix=f"say what it means: --values {word}=1",
            )
        found[at] = max(WORDS[word], 0.0) if boolean else WORDS[word]
    return found


def _boolean(texts: Sequence[str | None]) -> bool:
    """Whether only true and false occur: false is 0, and what it means depends on whether rows lack it."""
    return all(text is None or text.strip().lower() in ("true", "false", "1", "0") for text in texts)


def _listed(kinds: set[float]) -> str:
    return ", ".join(f"{value:g}" for value in sorted(kinds))
