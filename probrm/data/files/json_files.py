"""JSON files as tables: by Arrow where lines are plain, else object by object."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.json as arrow_json

from probrm.data.files.arrow import kernels, leaves
from probrm.data.files.json_guard import NotPlain, keys_of, plain_lines
from probrm.data.files.json_items import first_sign, objects
from probrm.data.files.json_values import Reader
from probrm.data.files.memory import available, check_room, in_units
from probrm.errors import DataError

_AT_A_TIME = 8192
_CELLS = 1 << 23
"""Cells of the objects of some rows at a time, where most are missing because objects have keys of their own."""
_EXACT = 2.0**53


def read_json(path: str, source: str, texts: frozenset[str], ids: frozenset[str]) -> pa.Table:
    """Reads JSON lines, or one JSON list of objects.

    Raises:
        DataError: it is no text or no JSON, a row is no object, has a key twice or is nested too deeply; says which one.
    """
    table = _by_arrow(path, source, texts | ids) if first_sign(path, source) == "{" else None
    return _joined(path, source, texts) if table is None else table


def _by_arrow(path: str, source: str, names: frozenset[str]) -> pa.Table | None:
    """None where lines are broken, a column holds several types, or numbers are larger than Arrow reads exactly."""
    found = _Tables(source, names)
    try:
        for lines in plain_lines(path, source):
            found.add(lines)
        table = pa.concat_tables(found.tables, promote_options="permissive")
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError, NotPlain):
        return None
    return None if any(map(_is_rounded, table.columns)) else table


class _Tables:
    """Tables of some lines each, whose keys and types are told to Arrow once they were seen.

    Attributes:
        tables: one for each part of the file.
    """

    def __init__(self, source: str, names: frozenset[str]) -> None:
        self._source, self._names = source, names
        self._schema = pa.schema([])
        self._objects = self._given = self._size = 0
        self.tables: list[pa.Table] = []

    def add(self, lines: bytes) -> None:
        """Reads some more lines.

        Raises:
            NotPlain: most of the table's cells would be missing.
            pa.ArrowException: a line is broken, or a column holds several types.
            DataError: the table takes more memory than is free.
        """
        count = lines.count(b"{")
        table = _known(lines, count, self._schema) if self.tables else None
        if table is None:  # the first ones, or something in them is new
            if count * keys_of(lines) > _CELLS:
                half = lines.find(b"\n", len(lines) // 2) + 1
                if half in (0, len(lines)):
                    raise NotPlain
                self.add(lines[:half])
                self.add(lines[half:])
                return
            table = _learnt(lines, self._names)
            self._schema = pa.unify_schemas([self._schema, table.schema], promote_options="permissive")
        self._objects += count
        self._given += count * _fields(table.schema)
        if 8 * (self._objects * _fields(self._schema) - self._given) > available() // 2:
            raise NotPlain
        self._size += table.nbytes
        check_room(self._source, self._size)
        self.tables.append(table)


def _known(lines: bytes, count: int, schema: pa.Schema) -> pa.Table | None:
    """Lines of so many objects that have nothing but the schema's keys and types; None of others."""
    try:
        return None if count * _fields(schema) > _CELLS else _parsed(lines, schema, "error")
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError):
        return None


def _learnt(lines: bytes, names: frozenset[str]) -> pa.Table:
    """Lines with what they hold found out. Arrow makes a cell of every key for every object in them.

    Raises:
        pa.ArrowException: a line is broken, or a column holds several types.
    """
    table = _parsed(lines, None, "infer")
    # Texts that all look like dates come back as dates.
    explicit = [(f.name, pa.string()) for f in table.schema if f.name in names and pa.types.is_temporal(f.type)]
    return _parsed(lines, pa.schema(explicit), "infer") if explicit else table


def _parsed(lines: bytes, schema: pa.Schema | None, others: str) -> pa.Table:
    reading = arrow_json.ReadOptions(block_size=max(len(lines) + 1, 1 << 20))
    parsing = arrow_json.ParseOptions(explicit_schema=schema, unexpected_field_behavior=others)
    return arrow_json.read_json(pa.BufferReader(lines), reading, parsing)


def _fields(kind: Any) -> int:
    """How many fields a schema or a type has, with those in them."""
    if isinstance(kind, pa.Schema):
        return sum(1 + _fields(field.type) for field in kind)
    return sum(1 + _fields(kind.field(at).type) for at in range(kind.num_fields))


def _is_rounded(column: pa.ChunkedArray) -> bool:
    """Whether a number may be a whole one that was too large: those become floats, of which several whole numbers are one."""
    floats = (leaf for leaf in leaves(column) if pa.types.is_floating(leaf.type))
    return any((kernels.max(kernels.abs(leaf)).as_py() or 0) >= _EXACT for leaf in floats)


def _joined(path: str, source: str, texts: frozenset[str]) -> pa.Table:
    """The objects of a file, some at a time, for as Python objects they take many times their space.

    Columns that turn out to hold several types are text in every row: the file is then read from its beginning again.
    """
    mixed: set[str] = set()
    while True:
        tables: list[pa.Table] = []
        found = _pass(path, source, texts, mixed, tables)
        if not found and tables:
            try:
                whole = pa.concat_tables(tables, promote_options="permissive")
            except pa.ArrowException:
                found = _apart(tables)
            else:
                found = _rounded(tables, whole)
                if not found:
                    return whole
        if not found:
            raise DataError(f"{source}: there are no rows in it", fix="check how the file was made; at least one row is needed")
        mixed |= found


def _pass(path: str, source: str, texts: frozenset[str], mixed: set[str], tables: list[pa.Table]) -> set[str]:
    """Fills ``tables``, and returns the columns that hold several types; once there is one, only such columns are looked for."""
    kinds: dict[str, set[str]] = {}
    found: set[str] = set()
    size = _Size(source)
    for rows, count, keys in _some_at_a_time(path, source):
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
                found.add(name)
            else:
                columns[name] = array
        if found:
            tables.clear()
        else:
            tables.append(pa.table(columns) if columns else pa.Table.from_arrays([pa.nulls(len(rows))], names=[""]).select([]))
            size.add(tables[-1].nbytes, count, keys)
    return found


def _some_at_a_time(path: str, source: str) -> Iterator[tuple[list[dict[str, Any]], int, set[str]]]:
    """Rows, how many objects they are made of, and the keys of all of these; fewer rows where most cells would be missing.

    Raises:
        DataError: the objects of a single row have so many keys of their own that they fit into no memory.
    """
    reader, rows, number = Reader(), [], 0
    for number, row in enumerate(objects(path, source, reader), start=1):
        rows.append(row)
        if len(rows) == _AT_A_TIME or reader.objects * len(reader.names) > _CELLS:
            if len(rows) == 1:
                _check_cells(reader.objects * len(reader.names), len(reader.names), f"{source}, row {number}")
            yield rows, reader.objects, reader.names
            rows = []
            reader.reset()
    if rows:
        yield rows, reader.objects, reader.names


class _Size:
    """What the tables read so far take when they stand below each other, with a cell for each key in each object."""

    def __init__(self, source: str) -> None:
        self._source, self._bytes, self._objects = source, 0, 0
        self._given = 0
        self._names: set[str] = set()

    def add(self, size: int, count: int, keys: set[str]) -> None:
        """One more table.

        Raises:
            DataError: there is not so much memory.
        """
        self._bytes += size
        self._objects += count
        self._given += count * len(keys)
        self._names |= keys
        missing = self._objects * len(self._names) - self._given
        _check_cells(missing, len(self._names), self._source, self._bytes)


def _check_cells(missing: int, keys: int, where: str, size: int = 0) -> None:
    needed, free = size + 8 * missing, available() // 2
    if needed > free and missing > 0:
        raise DataError(
            f"{where}: its objects have {keys:,} different keys, most of them in few; with a cell for each that takes {in_units(needed)}, "
            f"and {in_units(free)} are free for it",
            fix='write objects whose keys are data as lists: [{"key": …, "value": …}, …], or as JSON text',
        )


def _rounded(tables: list[pa.Table], whole: pa.Table) -> set[str]:
    """The columns of whole numbers that others made floats of."""
    changed = {
        field.name
        for field in whole.schema
        for table in tables
        if field.name in table.schema.names and table.schema.field(field.name).type != field.type
    }
    return {name for name in changed if _is_rounded(whole.column(name))}


def _apart(tables: list[pa.Table]) -> set[str]:
    """The columns whose types do not go together."""
    found: set[str] = set()
    for name in dict.fromkeys(name for table in tables for name in table.column_names):
        parts = [table.select([name]) for table in tables if name in table.schema.names]
        try:
            pa.concat_tables(parts, promote_options="permissive")
        except pa.ArrowException:
            found.add(name)
    return found


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
