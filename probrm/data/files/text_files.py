"""CSV and JSON files, whose columns have no types of their own and whose damage has a line number."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import pyarrow as pa
import pyarrow.csv as arrow_csv
import pyarrow.json as arrow_json

from probrm.data.files.opening import arrow_input, open_text
from probrm.errors import DataError

_BLOCK = 1 << 22  # bytes; a row longer than a block cannot be read, so a failure is tried again with the largest one
_LARGEST_BLOCK = (1 << 31) - 1
_AT_A_TIME = 8192


def read_csv(path: str, source: str, as_text: frozenset[str], *, delimiter: str = ",") -> pa.Table:
    """Reads a CSV, or with another delimiter a TSV, with a header; types are inferred except for the columns in ``as_text``, which stay text."""

    def read(block: int, *, threads: bool = True, on_bad: Callable[..., str] | None = None) -> pa.Table:
        return arrow_csv.read_csv(
            arrow_input(path),
            read_options=arrow_csv.ReadOptions(block_size=block, use_threads=threads),
            parse_options=arrow_csv.ParseOptions(delimiter=delimiter, newlines_in_values=True, invalid_row_handler=on_bad),
            convert_options=arrow_csv.ConvertOptions(column_types=dict.fromkeys(as_text, pa.string())),
        )

    try:
        return _with_larger_block(read)
    except pa.ArrowInvalid as error:
        if "UTF8" in str(error):
            raise _not_utf8(source, error) from error
        if "Expected" not in str(error):
            raise
    _check_utf8(path, source)
    bad: list[Any] = []

    def remember(row: Any) -> str:
        bad.append(row)
        return "skip"

    # Arrow counts rows only when it reads them one block after the other, so the place is found in a second pass.
    _with_larger_block(lambda block: read(block, threads=False, on_bad=remember))
    if not bad:
        raise pa.ArrowInvalid("its rows cannot be distinguished: is a double quote left open?")
    first = bad[0]
    raise DataError(
        f"{source}, row {first.number - 1}: found {first.actual_columns} values where the header names {first.expected_columns} columns: "
        f"{_short(first.text)}",
        fix="put texts that hold commas, quotes or line breaks in double quotes",
    )


def read_json(path: str, source: str, texts: frozenset[str], ids: frozenset[str]) -> pa.Table:
    """Reads JSON lines, or one JSON list of objects."""
    if _first_character(path, source) == "[":
        return _table(_read_list(path, source), texts)
    explicit: dict[str, pa.DataType] = {}

    def read(block: int) -> pa.Table:
        schema = pa.schema(list(explicit.items())) if explicit else None
        return arrow_json.read_json(
            arrow_input(path), arrow_json.ReadOptions(block_size=block), arrow_json.ParseOptions(explicit_schema=schema)
        )

    try:
        table = _with_larger_block(read)
        # Texts that all look like dates come back as dates.
        explicit = {f.name: pa.string() for f in table.schema if f.name in texts | ids and pa.types.is_temporal(f.type)}
        return _with_larger_block(read) if explicit else table
    except pa.ArrowInvalid:
        # A broken line, or a column of several types: the slow reader names the first and joins the second.
        return _joined(path, source, texts)


def _with_larger_block(read: Callable[[int], pa.Table]) -> pa.Table:
    try:
        return read(_BLOCK)
    except pa.ArrowInvalid as error:
        if "straddl" not in str(error):
            raise
        return read(_LARGEST_BLOCK)


def _check_utf8(path: str, source: str) -> None:
    """Arrow's own message of a row that is no text comes from within a callback, where nobody can catch it."""
    try:
        with open_text(path) as file:
            while file.read(_BLOCK):
                pass
    except UnicodeDecodeError as error:
        raise _not_utf8(source, error) from error


def _first_character(path: str, source: str) -> str:
    try:
        with open_text(path) as file:
            for line in file:
                if line.strip():
                    return line.strip()[0]
    except UnicodeDecodeError as error:
        raise _not_utf8(source, error) from error
    raise DataError(f"{source}: there is nothing in it but white space", fix="check how the file was made")


def _read_list(path: str, source: str) -> list[dict[str, Any]]:
    try:
        with open_text(path) as file:
            rows = json.load(file)
    except UnicodeDecodeError as error:
        raise _not_utf8(source, error) from error
    except (json.JSONDecodeError, RecursionError) as error:
        raise DataError(f"{source}: broken JSON ({error})", fix="check the file, or write one JSON object a line (.jsonl)") from error
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, dict):
            raise DataError(f"{source}, row {number}: found {_short(json.dumps(row))}, not a JSON object", fix='write {"prompt": …} a row')
    return rows


def _read_lines(path: str, source: str) -> Iterator[dict[str, Any]]:
    fix = "each line holds one JSON object and nothing else: correct or remove this line"
    number = 0
    try:
        with open_text(path) as file:
            for number, line in enumerate(file, start=1):
                if not line.strip():
                    continue
                try:
                    row = json.loads(line)
                except (json.JSONDecodeError, RecursionError) as error:
                    raise DataError(f"{source}, line {number}: broken JSON ({error}): {_short(line)}", fix=fix) from error
                if not isinstance(row, dict):
                    raise DataError(f"{source}, line {number}: found {_short(line)}, not a JSON object", fix=fix)
                yield row
    except UnicodeDecodeError as error:
        raise _not_utf8(source, error) from error


class _Mixed(Exception):
    """A column holds values of several types."""

    def __init__(self, column: str) -> None:
        super().__init__(column)
        self.column = column


def _joined(path: str, source: str, texts: frozenset[str]) -> pa.Table:
    """The lines of a file, some at a time, for as Python objects they take many times their space.

    A column that turns out to hold several types is text in every row: the file is then read from its beginning again.
    """
    mixed: set[str] = set()
    while True:
        try:
            return _pass(path, source, texts, mixed)
        except _Mixed as found:
            mixed.add(found.column)


def _pass(path: str, source: str, texts: frozenset[str], mixed: set[str]) -> pa.Table:
    kinds: dict[str, set[str]] = {}
    tables: list[pa.Table] = []
    lines = _read_lines(path, source)
    while rows := list(islice(lines, _AT_A_TIME)):
        names = list(dict.fromkeys(name for row in rows for name in row))
        columns = {}
        for name in names:
            values = [row.get(name) for row in rows]
            if name in mixed:
                columns[name] = _as_text(values, name in texts)
                continue
            kinds.setdefault(name, set()).update(_kind_of(value) for value in values if value is not None)
            array = _typed(values) if len(kinds[name]) < 2 else None
            if array is None:
                raise _Mixed(name)
            columns[name] = array
        tables.append(pa.table(columns))
    try:
        return pa.concat_tables(tables, promote_options="permissive")
    except pa.ArrowException:
        for name in kinds:
            parts = [table.select([name]) for table in tables if name in table.column_names]
            try:
                pa.concat_tables(parts, promote_options="permissive")
            except pa.ArrowException:
                raise _Mixed(name) from None
        raise


def _table(rows: list[dict[str, Any]], texts: frozenset[str]) -> pa.Table:
    names = list(dict.fromkeys(name for row in rows for name in row))
    return pa.table({name: _array([row.get(name) for row in rows], name in texts) for name in names})


def _array(values: list[Any], is_text: bool) -> pa.Array:
    kinds = {_kind_of(value) for value in values if value is not None}
    array = _typed(values) if len(kinds) < 2 else None
    return _as_text(values, is_text) if array is None else array


def _typed(values: list[Any]) -> pa.Array | None:
    """As Arrow types them; None of nested values of several types, or of half of a surrogate pair, which UTF-8 does not have."""
    try:
        return pa.array(values)
    except (pa.ArrowException, OverflowError, UnicodeEncodeError):
        return None


def _as_text(values: list[Any], is_text: bool) -> pa.Array:
    """Every value as JSON text, texts as they are; in a column of texts what is none is missing."""
    if is_text:
        values = [None if _kind_of(value) in ("number", "bool") else value for value in values]
    texts = (v if v is None or isinstance(v, str) else json.dumps(v, ensure_ascii=False) for v in values)
    return pa.array([t if t is None else t.encode("utf-8", "replace").decode() for t in texts], pa.large_string())


def _kind_of(value: Any) -> str:
    if isinstance(value, bool):
        return "bool"
    return "number" if isinstance(value, int | float) else type(value).__name__


def _not_utf8(source: str, error: Exception) -> DataError:
    return DataError(f"{source}: the text is not UTF-8 ({error})", fix="convert it, for example: iconv -f latin1 -t utf-8 old > new")


def _short(text: str, length: int = 60) -> str:
    text = " ".join(text.split())
    return text if len(text) <= length else text[: length - 1] + "…"
