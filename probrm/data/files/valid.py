"""Texts in tables that were written elsewhere: Arrow hands on bytes that are no text as if they were."""

from __future__ import annotations

import pyarrow as pa

from probrm.errors import DataError

_FIX = "write the texts as UTF-8, or bytes as binary columns"


def valid(table: pa.Table, source: str) -> pa.Table:
    """The same table, once all of its texts and names are found to be UTF-8 and its parts to fit together.

    Raises:
        DataError: a column, or a row of one, is not.
    """
    for at in range(table.num_columns):
        try:
            name = _names(table.schema.field(at))
        except UnicodeDecodeError as error:
            raise DataError(f"{source}, column {at + 1}: its name is not UTF-8 ({error.object!r:.60})", fix="rename it") from None
        column = table.column(at)
        if _is_valid(column):
            continue
        low, high = 0, len(column)  # a row that is not is in between
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if _is_valid(_apart(column, low, middle - low)) else (low, middle)
        raise DataError(f"{source}, row {low + 1}, column {name!r}: a text is not UTF-8, or the values do not fit together", fix=_FIX)
    return table


def _apart(column: pa.ChunkedArray, start: int, count: int) -> pa.ChunkedArray:
    """Some rows with nothing of the others: lists and dictionaries keep all values otherwise."""
    rows = column.slice(start, count)
    if pa.types.is_dictionary(rows.type):
        rows = rows.cast(rows.type.value_type)
    return rows.take(pa.array(range(count), pa.int64()))


def _is_valid(column: pa.ChunkedArray) -> bool:
    try:
        column.validate(full=True)
    except pa.ArrowException:
        return False
    return True


def _names(field: pa.Field) -> str:
    """The name, once those of all fields in it are found to be text."""
    for at in range(field.type.num_fields):
        _names(field.type.field(at))
    return field.name
