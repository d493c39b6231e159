"""Texts in a CSV that a spreadsheet would run as formulas."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

FORMULA = r"^('*[=+\-@\t\r])"
"""How such a text begins. One that begins with apostrophes before it gets one more, so that taking one away gives what it was."""


def without_formulas(table: pa.Table, path: str) -> tuple[pa.Table, list[str]]:
    """The table with an apostrophe before texts, and names of columns, that begin like a formula; and a note where there are any.

    Args:
        table: to be written.
        path: the file; what is no CSV stays as it is.
    """
    import pyarrow.compute

    if not path.lower().endswith((".csv", ".csv.gz")):
        return table, []
    kernels: Any = pyarrow.compute
    touched, changed = [], 0
    for i, name in enumerate(table.column_names):
        if (column := _texts(table.column(i))) is not None:
            count = kernels.sum(kernels.match_substring_regex(column, FORMULA)).as_py() or 0
            if count:
                touched, changed = [*touched, name], changed + count
                table = table.set_column(i, name, kernels.replace_substring_regex(column, FORMULA, r"'\1"))
    names = [_named(name) for name in table.column_names]
    told = []
    if changed:
        told.append(
            f"{changed} texts that begin with =, +, -, @ or a tab, which spreadsheets run as formulas, have an apostrophe before them in the CSV "
            f"(columns {', '.join(touched)}); --no-csv-safe writes them as they are"
        )
    if renamed := [name for name, now in zip(table.column_names, names, strict=True) if name != now]:
        told.append(f"columns {', '.join(renamed)} have an apostrophe before their names in the CSV, for the same reason")
    return table.rename_columns(names), told


def _texts(column: Any) -> Any:
    """The texts of a column, whatever holds them; None of another column."""
    import pyarrow as pa

    while isinstance(column.type, pa.BaseExtensionType):
        column = pa.chunked_array([chunk.storage for chunk in column.chunks], column.type.storage_type)
    kind = column.type
    if pa.types.is_dictionary(kind) or pa.types.is_run_end_encoded(kind):
        kind = kind.value_type
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)):
        return None
    return pa.chunked_array([pa.array(column.to_pylist(), pa.large_string())])


def _named(name: str) -> str:
    import re

    return f"'{name}" if re.match(FORMULA, name) else name
