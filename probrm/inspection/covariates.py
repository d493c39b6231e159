"""Columns that a log has and a fit does not use, and that may say who acts how readily."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa

from probrm.data import Log

_LEVELS = 20
"""Distinct values up to which a column may be a covariate: with more it is an id, a time or a text."""
_RARE = 10
"""Rows that its second most frequent value has at least."""
_TRUTHS = "true_"
"""How columns of a simulated truth begin."""
_PLAIN = (pa.types.is_boolean, pa.types.is_string, pa.types.is_large_string, pa.types.is_integer, pa.types.is_floating)


def possible_covariates(log: Log) -> list[str]:
    """Names of unused columns with a few values, each in many rows: text, truth values and numbers; fields of nested columns by their paths.

    Only the people who know the product can say whether such a column makes users act without making answers better.
    """
    rows, used = pa.array(log.rows), {*log.how.columns.values(), *map(str, log.propensity.columns), *map(str, log.reward.columns)}
    unused = {*log.how.ignored}
    found = (
        (path, column)
        for name in log.table.column_names
        if name in unused or pa.types.is_struct(log.table.schema.field(name).type)
        for path, column in _leaves(name, log.table.column(name).take(rows).combine_chunks())
    )
    return [path for path, column in found if path not in used and not path.startswith(_TRUTHS) and _may_vary(column)]


def _leaves(path: str, column: pa.Array) -> Iterator[tuple[str, pa.Array]]:
    """A column, or the fields of a nested one."""
    if not pa.types.is_struct(column.type):
        yield path, column
        return
    for field in column.type:
        yield from _leaves(f"{path}.{field.name}", column.field(field.name))


def _may_vary(column: pa.Array) -> bool:
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if not any(is_kind(kind) for is_kind in _PLAIN):
        return False
    counts = sorted(column.drop_null().value_counts().field("counts").to_pylist(), reverse=True)
    return 2 <= len(counts) <= _LEVELS and counts[1] >= _RARE
