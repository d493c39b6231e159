"""A column that should hold the preferred answers, and holds choices: ``a``, ``model_b``, ``response_2``."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from probrm.data.columns.sides import TwoSides
from probrm.data.columns.values import Cells
from probrm.data.files.arrow import is_number, is_text, kernels
from probrm.data.files.hints import listed
from probrm.data.pairs.choices import understands
from probrm.data.pairs.rating_names import plain
from probrm.data.pairs.spec import PairSpec
from probrm.errors import DataError

_FEW = 6
"""Rows from which on two distinct answers are suspicious."""


def choice_for_text(table: pa.Table, spec: PairSpec, sides: TwoSides | None, source: str, *, move: bool) -> bool:
    """Whether the column of preferred answers says which side was preferred rather than what its answer is.

    Args:
        table: the file.
        spec: what the user said.
        sides: two columns of answers, where the file has them.
        source: the file, for messages.
        move: whether the column can be read as a choice then; otherwise it is refused.

    Raises:
        DataError: it does, and ``move`` is not set.
    """
    name = spec.columns.get("chosen") or "chosen"
    distinct = _distinct(table, name)
    if distinct is None:
        return False
    columns = {plain(other) for other in table.column_names if other != name}
    words = all(plain(value) in columns or understands(value) for value in distinct)
    rejected = _distinct(table, spec.columns.get("rejected") or "rejected")
    short_answers = rejected is not None and rejected <= distinct  # "yes" and "no" on both sides
    few_rows = table.num_rows < _FEW and sides is None
    if few_rows or (not words and (len(distinct) != 2 or table.num_rows < _FEW or short_answers)):
        return False
    if move and words:
        return True
    if move:
        return False
    found = listed(sorted(distinct), 5)
    if sides is not None:
        fix = f"say which is which: --columns response_0={sides.first},response_1={sides.second},choice={name}"
    else:
        fix = f"name the columns of both answers: --columns response_0=NAME,response_1=NAME,choice={name}"
    raise DataError(
        f"{source}, column {name!r}: holds only {found}, which says which side is preferred and not what its answer is; allowed: the texts of the "
        "preferred answers",
        fix=fix,
    )


def _distinct(table: pa.Table, name: str) -> set[str] | None:
    """The distinct values of a short column, in lower case; None where it is not there, no text or number, or has many values."""
    if name not in table.column_names:
        return None
    cells = Cells.of("", name, table.column(name), np.arange(table.num_rows))
    kind = cells.values.type
    if not (is_text(kind) or is_number(kind) or pa.types.is_boolean(kind)):
        return None
    found = kernels.unique(cells.values)
    if len(found) > 12:
        return None
    return {str(value).strip().lower() for value in found.to_pylist() if value is not None} or None
