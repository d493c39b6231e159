"""Records of an export as Python has them, from any kind of file; JSON stays as deep as it is written."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from probrm.data.files.opening import is_remote, open_text
from probrm.data.files.parts import expand
from probrm.data.files.tables import kind_of, read_table
from probrm.data.products.product import Peek
from probrm.errors import DataError, ProbrmError

if TYPE_CHECKING:
    import pyarrow as pa

_PEEK = 1 << 22
_AT_A_TIME = 8192


def records(source: str) -> Iterator[dict[str, Any]]:
    """The records of a file, a folder or a glob, one after the other: all of them as Python objects are several times the file.

    Of one JSON object, that object alone.

    Raises:
        DataError: the source cannot be read, or a record is no object.
    """
    for part in expand(source):
        kind = kind_of(Path(part))
        if kind == "json":
            yield from _json_records(part)
        elif kind in ("csv", "tsv"):
            yield from _csv_records(part)
        elif kind == "parquet" and not is_remote(part) and not part.endswith((".gz", ".zst")):
            yield from _parquet_records(part)
        else:
            yield from _rows(read_table(part))


def parted(source: str, word: str, more: str | None) -> tuple[Iterator[dict[str, Any]], Iterator[dict[str, Any]]]:
    """What was traced, and what was said of it: of a folder, the files with ``word`` in their names are the second.

    Args:
        source: a folder with both, or a file of the first.
        word: in lower case.
        more: another file of the second.

    Raises:
        DataError: as of ``records``.
    """
    inside = [name for name in sorted(os.listdir(source)) if kind_of(Path(name))] if os.path.isdir(source) else []
    said = [os.path.join(source, name) for name in inside if word in name.lower()]
    traced = [os.path.join(source, name) for name in inside if word not in name.lower()] if inside else [source]
    return chain.from_iterable(map(records, traced)), chain.from_iterable(map(records, ([more] if more else []) + said))


def _parquet_records(source: str) -> Iterator[dict[str, Any]]:
    """Some rows at a time; of a file that cannot be opened, the reader of tables says what is the matter."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(source)
    except (pa.ArrowException, OSError):
        yield from _rows(read_table(source))
        return
    with file:
        if len(set(file.schema_arrow.names)) < len(file.schema_arrow.names):
            read_table(source)  # refuses it
        batches = file.iter_batches(batch_size=_AT_A_TIME)
        while True:
            try:
                batch = next(batches, None)
            except (pa.ArrowException, OSError) as error:
                raise DataError(
                    f"{source}: it cannot be read ({error})", fix="the file is damaged or cut short: export it again"
                ) from error
            if batch is None:
                return
            yield from batch.to_pylist()


def _rows(table: pa.Table) -> Iterator[dict[str, Any]]:
    for batch in table.to_batches(max_chunksize=_AT_A_TIME):
        yield from batch.to_pylist()


def _csv_records(source: str) -> Iterator[dict[str, Any]]:
    """Every cell as the text that it is: ``007`` is a name and ``12`` may be an answer; an empty one is missing."""
    seen = _peek_file(source, source)
    for row in _rows(read_table(source, texts=seen.names if seen else ())):
        yield {name: None if value == "" else value for name, value in row.items()}


def _json_records(source: str) -> Iterator[dict[str, Any]]:
    """One object a line, read line by line; else one JSON list, or one object."""
    try:
        with open_text(source) as file:
            first = next((line for line in file if line.strip()), "")
            if _is_object(first):
                yield json.loads(first)
                for number, line in enumerate(file, start=2):
                    if line.strip():
                        yield _object(line, f"{source}, line {number}")
                return
        with open_text(source) as file:
            whole = json.load(file)
    except UnicodeDecodeError as error:
        raise DataError(f"{source}: the text is not UTF-8 ({error})", fix="convert it: iconv -f latin1 -t utf-8 old > new") from error
    except (json.JSONDecodeError, RecursionError) as error:
        raise DataError(f"{source}: broken JSON ({error})", fix="the file is damaged or cut short: export it again") from error
    for number, row in enumerate(whole if isinstance(whole, list) else [whole], start=1):
        if not isinstance(row, dict):
            raise DataError(f"{source}, row {number}: found {str(row)[:60]!r}, not a JSON object", fix="export the file again")
        yield row


def _is_object(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def _object(line: str, where: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except (json.JSONDecodeError, RecursionError) as error:
        raise DataError(f"{where}: broken JSON ({error})", fix="each line holds one JSON object: correct or remove this line") from error
    if not isinstance(row, dict):
        raise DataError(f"{where}: found {line[:60]!r}, not a JSON object", fix="each line holds one JSON object: correct or remove it")
    return row


def peek(source: str) -> Peek | None:
    """The beginning of a source; None where it cannot be looked at cheaply (a hub id, a URL, a damaged file)."""
    if is_remote(source):
        return None
    if os.path.isdir(source):
        names = sorted(os.listdir(source))
        inside = [
            *names,
            *(
                f"{name}/{inner}"
                for name in names
                if os.path.isdir(f"{source}/{name}")
                for inner in sorted(os.listdir(f"{source}/{name}"))[:3]
            ),
        ]
        first = next((name for name in inside if kind_of(Path(name)) and os.path.isfile(f"{source}/{name}")), None)
        found = peek(f"{source}/{first}") if first else None
        return Peek(source, found.first if found else {}, found.names if found else frozenset(), tuple(inside))
    try:
        parts = expand(source)
        return _peek_file(source, parts[0]) if parts else None
    except (ProbrmError, OSError, ValueError, UnicodeDecodeError):
        return None  # whoever reads it says what is the matter


def _peek_file(source: str, part: str) -> Peek | None:
    kind = kind_of(Path(part))
    if kind == "json":
        first, whole = _first_json(part)
        return Peek(source, first, frozenset(first), whole=whole)
    if kind == "parquet" and not part.endswith((".gz", ".zst")):
        import pyarrow.parquet as pq

        with pq.ParquetFile(part) as file:
            names = file.schema_arrow.names
            batch = next(file.iter_batches(batch_size=1), None)
        rows = batch.to_pylist() if batch is not None else []
        return Peek(source, rows[0] if rows else {}, frozenset(names))
    if kind in ("csv", "tsv"):
        import csv

        with open_text(part) as file:
            rows = csv.reader(file, delimiter="\t" if kind == "tsv" else ",")
            head, values = next(rows, []), next(rows, [])
        return Peek(source, dict(zip(head, values, strict=False)), frozenset(head))
    return None


def _first_json(part: str) -> tuple[dict[str, Any], bool]:
    decoder = json.JSONDecoder()
    with open_text(part) as file:
        text = file.read(_PEEK).lstrip()
    listed = text.startswith("[")
    try:
        first, end = decoder.raw_decode(text[1:].lstrip() if listed else text)
    except json.JSONDecodeError:
        return {}, False
    if not isinstance(first, dict):
        return {}, False
    whole = not listed and not text[end:].strip()
    return first, whole
