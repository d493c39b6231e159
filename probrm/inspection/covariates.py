"""Columns that a log has and a fit does not use, and that may say who acts how readily."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from probrm.data import Log

_LEVELS = 20
"""Distinct values up to which a column may be a covariate: with more it is an id, a time or a text."""
_RARE = 10
"""Rows that its second most frequent value has at least."""
_TRUTHS = "true_"
"""How columns of a simulated truth begin."""


def possible_covariates(log: Log) -> list[str]:
    """Names of unused columns with a few values, each in many rows: text, truth values and numbers.

    Only the people who know the product can say whether such a column makes users act without making answers better.
    """
    return [name for name in log.how.ignored if not name.startswith(_TRUTHS) and _may_vary(log.table, name, log.rows)]


def _may_vary(table: pa.Table, name: str, rows: np.ndarray) -> bool:
    column = table.column(name)
    kind = column.type
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    plain = (pa.types.is_boolean, pa.types.is_string, pa.types.is_large_string, pa.types.is_integer, pa.types.is_floating)
    if not any(is_kind(kind) for is_kind in plain):
        return False
    counts = sorted(pc.value_counts(column.take(pa.array(rows)).drop_null()).field("counts").to_pylist(), reverse=True)
    return 2 <= len(counts) <= _LEVELS and counts[1] >= _RARE
