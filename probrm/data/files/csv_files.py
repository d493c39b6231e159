"""CSV and TSV files, whose columns have no types of their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.csv as arrow_csv

from probrm.data.files.blocks import with_larger_block
from probrm.data.files.text_stream import TextBytes
from probrm.errors import DataError

_SEPARATORS = {",": "commas", "\t": "tabs", ";": "semicolons", "|": "bars"}
"""What may separate columns."""


def read_csv(path: str, source: str, as_text: frozenset[str], *, delimiter: str = ",") -> pa.Table:
    """Reads a CSV, or with another delimiter a TSV, with a header; types are inferred except for the columns in ``as_text``, which stay text.

    Raises:
        DataError: it is no UTF-8, its columns are separated by something else, a row has more or fewer values than the header, or a double
            quote is left open.
    """

    def read(block: int, *, threads: bool = True, on_bad: Callable[..., str] | None = None) -> pa.Table:
        with pa.PythonFile(TextBytes(path, source), mode="r") as stream:
            return arrow_csv.read_csv(
                stream,
                read_options=arrow_csv.ReadOptions(block_size=block, use_threads=threads),
                parse_options=arrow_csv.ParseOptions(delimiter=delimiter, newlines_in_values=True, invalid_row_handler=on_bad),
                convert_options=arrow_csv.ConvertOptions(column_types=dict.fromkeys(as_text, pa.string())),
            )

    try:
        table = with_larger_block(read)
        _check_separator(table.column_names, source, delimiter)
        return table
    except pa.ArrowInvalid as error:
        if "Expected" not in str(error):
            raise
    bad: list[Any] = []

    def remember(row: Any) -> str:
        if not bad:
            bad.append(row)
        return "skip"

    # Arrow counts rows only when it reads them one block after the other, so the place is found in a second pass.
    with_larger_block(lambda block: read(block, threads=False, on_bad=remember))
    if not bad:
        raise pa.ArrowInvalid("its rows cannot be distinguished: is a double quote left open?")
    _check_separator(csv_names(path, source, delimiter=delimiter), source, delimiter)
    first = bad[0]
    raise DataError(
        f"{source}, row {first.number - 1}: found {first.actual_columns} values where the header names {first.expected_columns} columns: "
        f"{_short(first.text)}",
        fix="put texts that hold commas, quotes or line breaks in double quotes",
    )


def _check_separator(names: list[str], source: str, delimiter: str) -> None:
    """Refuses a file whose header is read as one column because something else separates the columns.

    Raises:
        DataError: it is.
    """
    other = next((one for one in _SEPARATORS if one != delimiter and len(names) == 1 and one in names[0]), None)
    if other is not None:
        usual = _SEPARATORS[delimiter]
        tabs = ", or name the file .tsv" if other == "\t" else ""
        raise DataError(
            f"{source}: {_SEPARATORS[other]} separate its columns: {_short(names[0])}; allowed: {usual}",
            fix=f"write the file with {usual} between the columns{tabs}",
        )


def csv_names(path: str, source: str, *, delimiter: str = ",") -> list[str]:
    """The names of the columns, from the beginning of the file.

    Raises:
        DataError: it is no UTF-8.
        pa.ArrowInvalid: there is no header.
    """

    def read(block: int) -> list[str]:
        with pa.PythonFile(TextBytes(path, source), mode="r") as stream:
            options = arrow_csv.ReadOptions(block_size=block, use_threads=False)
            parsing = arrow_csv.ParseOptions(delimiter=delimiter, newlines_in_values=True, invalid_row_handler=lambda row: "skip")
            with arrow_csv.open_csv(stream, read_options=options, parse_options=parsing) as rows:
                return rows.schema.names

    return with_larger_block(read)


def _short(text: str, length: int = 60) -> str:
    text = " ".join(text[: 10 * length].split())
    return text if len(text) <= length else text[: length - 1] + "…"
