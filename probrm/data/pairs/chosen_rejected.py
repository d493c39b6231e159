"""Files with one pair a row: prompt, chosen, rejected, and what else is said about them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa

from probrm.data.columns.matching import Part
from probrm.data.columns.roles import Roles
from probrm.data.columns.values import Cells, binary, names, scores
from probrm.data.covariates.reading import MISSING_LEVEL
from probrm.data.files.arrow import is_text, kernels
from probrm.data.pairs.attributes import keep_informative, read_attributes, stack
from probrm.data.pairs.pairs import Pairs
from probrm.data.pairs.recognise import Reading
from probrm.data.pairs.texts import read_sides

_SAFE = ("is_response_0_safe", "is_response_1_safe")
_TIE_FIX = "say 1 where neither side is preferred, or leave the column out: --columns tie="


def read_sided(reading: Reading) -> Pairs:
    """Pairs of the native form, of TRL's, of UltraFeedback-binarized and of PKU-SafeRLHF; ties are kept.

    A pair is a tie where the column ``tie`` is 1; without that column, where the overall scores of both sides are equal. The margin
    is the column ``margin``, else the difference of the overall scores.

    Raises:
        DataError: a column or a value cannot be used.
    """
    source, parts, notes = reading.source, reading.parts, reading.notes
    everything = np.arange(reading.table.num_rows, dtype=np.int64)
    second: np.ndarray | None = None
    if reading.form == "safe-rlhf":
        fix = "say which response is the preferred one, 0 or 1: --columns choice=NAME"
        choice = parts["choice"]
        second = binary(Cells.of(source, choice.name, choice.values, everything), fix=fix) > 0
        parts = {**parts, **_sides_of(parts, second, source)}
    sides, rows = read_sides(
        parts, everything, source, at_words=reading.spec.preset == "trl", available=reading.table.column_names, notes=notes
    )
    roles = Roles(source, parts, rows, fitting=reading.fitting, required=frozenset(), notes=notes)
    overall = [roles.read(native, _scores(native)) for native in ("chosen_score", "rejected_score")]
    difference = overall[0] - overall[1] if overall[0] is not None and overall[1] is not None else None
    tie = roles.read("tie", lambda cells: binary(cells, fix=_TIE_FIX) > 0)
    if tie is None:
        tie = np.zeros(len(rows), bool) if difference is None else difference == 0
    margin = roles.read("margin", _scores("margin"))
    margin = difference if margin is None else margin
    candidates, one_sided = _attributes(reading, rows, second)
    found = read_attributes(candidates, reading, one_sided=one_sided)
    attributes, chosen_scores, rejected_scores = stack(keep_informative({name: (c, r) for name, (c, r) in found.items()}, reading))
    return Pairs(
        source=source,
        chosen=[chosen for chosen, _ in sides],
        rejected=[rejected for _, rejected in sides],
        outcome=np.where(tie, 0.5, 1.0).astype(np.float32),
        weight=roles.weight(),
        margin=None if margin is None else margin.astype(np.float32),
        user=roles.user(),
        subset=read_subset(roles),
        attributes=attributes,
        chosen_scores=chosen_scores,
        rejected_scores=rejected_scores,
        row_id=roles.row_id(),
        rows=rows,
        notes=notes,
        table=reading.table,
    )


def read_subset(roles: Roles) -> np.ndarray | None:
    """Object (n,) of str from the column ``subset``; rows without one form a subset of their own."""
    subset = roles.read(
        "subset", lambda cells: names(cells, fix="name the column that says which subset a row is of: --columns subset=NAME")
    )
    if subset is not None:
        subset[[value is None for value in subset]] = MISSING_LEVEL
    return subset


def _scores(native: str) -> Callable[[Cells], np.ndarray]:
    return lambda cells: scores(cells, fix=f"write numbers, or leave the column out: --columns {native}=")


def _attributes(reading: Reading, rows: np.ndarray, second: np.ndarray | None) -> tuple[dict[str, list[Cells]], list[str]]:
    """Attribute → cells of the chosen and of the rejected sides, and the columns that have no counterpart."""

    def cells(column: str, values: pa.ChunkedArray) -> Cells:
        return Cells.of(reading.source, column, values, rows)

    table, used = reading.table, {part.name for part in reading.parts.values()}
    if second is not None:
        if not set(_SAFE) <= set(table.column_names):
            return {}, [name for name in _SAFE if name in table.column_names]
        name = "/".join(_SAFE)
        return {"safe": [cells(name, values) for values in _ordered([table.column(name) for name in _SAFE], second)]}, []
    sides = [
        {name.removeprefix(side): name for name in table.column_names if name.startswith(side) and name not in used and name != side}
        for side in ("chosen_", "rejected_")
    ]
    both = [name for name in sides[0] if name in sides[1]]
    alone = [column for side in sides for name, column in side.items() if name not in both]
    overall = [reading.parts[name].name for name in ("chosen_score", "rejected_score") if name in reading.parts]
    found = {name: [cells(side[name], table.column(side[name])) for side in sides] for name in both}
    return found, alone + (overall if len(overall) == 1 else [])


def _sides_of(parts: dict[str, Part], second: np.ndarray, source: str) -> dict[str, Part]:
    """Chosen and rejected from two responses and from which of them is preferred."""
    whole = [Cells.of(source, parts[name].name, parts[name].values, np.arange(len(second))) for name in ("response_0", "response_1")]
    for cells in whole:
        if not is_text(cells.values.type):
            raise cells.refuse_type("text", "name the columns that hold the responses: --columns response_0=NAME,response_1=NAME")
    name = "/".join(cells.name for cells in whole)
    chosen, rejected = _ordered([cells.values for cells in whole], second)
    return {"chosen": Part(name, chosen), "rejected": Part(name, rejected)}


def _ordered(values: list[pa.ChunkedArray], second: np.ndarray) -> tuple[pa.ChunkedArray, pa.ChunkedArray]:
    mask = pa.chunked_array([pa.array(second)])
    return kernels.if_else(mask, values[1], values[0]), kernels.if_else(mask, values[0], values[1])
