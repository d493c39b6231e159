"""Attribute scores: which columns hold them, and which of them differ between the two sides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from probrm.data.columns.values import Cells, parse_scores, scores
from probrm.data.files.hints import did_you_mean, listed
from probrm.data.pairs.rating_names import is_rating, sign_of
from probrm.data.pairs.recognise import Reading
from probrm.errors import DataError

Candidates = Mapping[str, Sequence[Cells]]
"""Attribute → its cells: of the responses, or of the chosen and the rejected ones."""
_FIX = "write numbers, or leave the cell empty where there is none; name the attributes to use: --attributes a,b"


def read_attributes(
    candidates: Candidates, reading: Reading, *, one_sided: Sequence[str] = (), rated: bool = False
) -> dict[str, list[np.ndarray]]:
    """Attribute → float64 scores as in ``candidates``, NaN where missing: those that the spec names, else all known ratings.

    A column that is not named is an attribute where its name is known to be that of a rating and at least half of what is in it are
    numbers. Attributes that are named with a minus count reversed, and so do ranks.

    Args:
        candidates: what the file has.
        reading: the file.
        one_sided: columns that score one side only.
        rated: whether every candidate is a rating whatever its name, as the form of the file says.

    Raises:
        DataError: when fitting, a named attribute is not there or on one side only, or a score is no finite number.
    """
    wanted, source = reading.spec.attributes, reading.source
    if one_sided:
        reading.notes.append(f"ignored, because the other side has no such column: {listed(one_sided)}")
    found: dict[str, list[np.ndarray]] = {}
    known = {name: cells for name, cells in candidates.items() if rated or is_rating(name)}
    for name in wanted or _scored(known, reading.notes):
        read = reading.optional("attribute", lambda name=name: _read(name, candidates, one_sided, source))
        found |= {} if read is None else {name: read}
    return found


def keep_informative(sides: dict[str, tuple[np.ndarray, np.ndarray]], reading: Reading) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Leaves out attributes that say nothing about m pairs, when fitting: the same score on both sides of every one.

    Raises:
        DataError: a named attribute has no score at all, or the same one everywhere.
    """
    if not reading.fitting:
        return sides
    kept: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    alike: list[str] = []
    for name, (chosen, rejected) in sides.items():
        values = np.concatenate([chosen, rejected])
        values = values[~np.isnan(values)]
        if reading.spec.attributes and (values.size == 0 or np.all(values == values[0])):
            what = f"is {values[0]:g} everywhere" if values.size else "has no score in any usable row"
            raise DataError(
                f"{reading.source}: the attribute {name!r} {what}; allowed: scores that vary", fix="leave it out of --attributes"
            )
        if reading.spec.attributes or np.any(np.abs(chosen - rejected) > 0):
            kept[name] = (chosen, rejected)
        else:
            alike.append(name)
    if alike:
        reading.notes.append(f"left out, because no pair's two sides differ in it: {listed(alike)}")
    return kept


def stack(sides: dict[str, tuple[np.ndarray, np.ndarray]]) -> tuple[tuple[str, ...], np.ndarray | None, np.ndarray | None]:
    """The attributes' names, and float32 (m, K') scores of the chosen and the rejected sides; None without attributes.

    Raises:
        DataError: two scores of a pair differ, and are one number in float32.
    """
    if not sides:
        return (), None, None
    for name, (first, second) in sides.items():
        if (lost := (first != second) & (first.astype(np.float32) == second.astype(np.float32))).any():
            at = int(lost.argmax())
            raise DataError(
                f"the attribute {name!r}: {float(first[at])!r} and {float(second[at])!r} are the same number once they are used (float32 has seven "
                "digits)",
                fix="subtract a constant from the scores, or leave it out of --attributes",
            )
    chosen, rejected = (np.stack(columns, axis=1).astype(np.float32) for columns in zip(*sides.values(), strict=True))
    return tuple(sides), chosen, rejected


def _read(name: str, candidates: Candidates, one_sided: Sequence[str], source: str) -> list[np.ndarray]:
    column, sign = sign_of(name, set(candidates))
    if column not in candidates:
        raise _unknown(column, candidates, one_sided, source)
    return [sign * scores(cells, fix=_FIX) for cells in candidates[column]]


def _scored(candidates: Candidates, notes: list[str]) -> list[str]:
    """The candidates that hold scores on all sides."""
    counts = {name: [_count(cells) for cells in sides] for name, sides in candidates.items()}
    empty = [name for name, sides in counts.items() if any(numbers == others == 0 for numbers, others in sides)]
    if empty:
        notes.append(f"left out, because there are no scores: {listed(empty)}")
    return [name for name, sides in counts.items() if all(numbers >= max(others, 1) for numbers, others in sides)]


def _count(cells: Cells) -> tuple[int, int]:
    """How many cells are finite numbers, and how many something else; missing ones are neither."""
    try:
        values, bad = parse_scores(cells, fix=_FIX)
    except DataError:
        return 0, len(cells.rows)
    return int(np.isfinite(values).sum()), int(bad.sum())


def _unknown(name: str, candidates: Candidates, one_sided: Sequence[str], source: str) -> DataError:
    halves = [column for column in one_sided if column in (f"chosen_{name}", f"rejected_{name}")]
    if halves:
        other = "rejected" if halves[0].startswith("chosen_") else "chosen"
        return DataError(
            f"{source}: the attribute {name!r} is scored on one side only ({halves[0]}); allowed: both",
            fix=f"add a column {other}_{name}, or leave it out of --attributes",
        )
    found = listed(candidates) or "none"
    return DataError(
        f"{source}: there is no attribute {name!r} (named with --attributes); found: {found}",
        fix=did_you_mean(name, candidates) or "name attributes of the file, or leave --attributes out to take all",
    )
