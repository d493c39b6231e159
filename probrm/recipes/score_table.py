"""A file's table with the scores of its rows."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa


def with_scores(table: pa.Table, rows: np.ndarray, scores: Mapping[str, np.ndarray]) -> tuple[pa.Table, list[str]]:
    """All rows of the file in their order with the scores at the end, and notes; rows without scores get missing values.

    Args:
        table: the file as read.
        rows: int64 (n,), 0-based positions of the rows that have scores.
        scores: by the column's name, (n,) each; a column of that name that the file has already is replaced.
    """
    taken = [name for name in scores if name in table.column_names]
    notes = [f"columns replaced by this run's: {', '.join(taken)}"] if taken else []
    table = table.drop_columns(taken)
    for name, values in scores.items():
        full = np.full(table.num_rows, np.nan, np.float32)
        full[rows] = values
        table = table.append_column(name, pa.array(full, mask=np.isnan(full)))
    return table, notes
