"""Records of an export as Python has them, from any kind of file; JSON stays as deep as it is written."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from probrm.data.files.csv_files import csv_names
from probrm.data.files.damage import DAMAGED, told
from probrm.data.files.json_items import objects
from probrm.data.files.json_values import BrokenJson, Reader
from probrm.data.files.opening import is_remote
from probrm.data.files.parquet_files import batches, beginning
from probrm.data.files.parts import expand
from probrm.data.files.tables import kind_of, read_table
from probrm.data.files.text_stream import open_text
from probrm.data.files.unpacking import check_length
from probrm.data.products.product import Peek
from probrm.errors import ProbrmError

if TYPE_CHECKING:
    import pyarrow as pa

_PEEK = 1 << 22
_DELIMITERS = {"csv": ",", "tsv": "\t"}
_AT_A_TIME = 8192


def records(source: str) -> Iterator[dict[str, Any]]:
    """The records of a file, a folder or a glob, one after the other: all of them as Python objects are several times the file.

    Of one JSON object, that object alone.

    Raises:
        DataError: the source cannot be read, a record is no object, or there is too little memory.
    """
    for part in expand(source):
        kind = str(kind_of(Path(part)))
        with told(part, kind):
            if kind == "json":
                check_length(part, part)
                yield from objects(part, part)
            elif kind in _DELIMITERS:
                yield from _csv_records(part)
            elif kind == "parquet":
                for batch in batches(part, part, most=_AT_A_TIME):
                    yield from batch.to_pylist()
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


def _rows(table: pa.Table) -> Iterator[dict[str, Any]]:
    for batch in table.to_batches(max_chunksize=_AT_A_TIME):
        yield from batch.to_pylist()


def _csv_records(source: str) -> Iterator[dict[str, Any]]:
    """Every cell as the text that it is: ``007`` is a name and ``12`` may be an answer; an empty one is missing."""
    names = csv_names(source, source, delimiter=_DELIMITERS[str(kind_of(source))])
    for row in _rows(read_table(source, texts=names)):
        yield {name: None if value == "" else value for name, value in row.items()}


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
    except (ProbrmError, ValueError, MemoryError, csv.Error, *DAMAGED):
        return None  # whoever reads it says what is the matter


def _peek_file(source: str, part: str) -> Peek | None:
    kind = kind_of(Path(part))
    if kind == "json":
        first, whole = _first_json(part)
        return Peek(source, first, frozenset(first), whole=whole)
    if kind == "parquet" and not part.endswith((".gz", ".zst")):
        names, rows = beginning(part, part)
        return Peek(source, rows[0] if rows else {}, frozenset(names))
    if kind in ("csv", "tsv"):
        with open_text(part) as file:
            rows = csv.reader(io.StringIO(file.read(_PEEK), newline=""), delimiter=_DELIMITERS[kind])
        head = next(rows, [])
        try:
            values = next(rows, [])
        except csv.Error:  # a cell of more than 131,072 characters
            values = []
        return Peek(source, dict(zip(head, values, strict=False)), frozenset(head))
    return None


def _first_json(part: str) -> tuple[dict[str, Any], bool]:
    with open_text(part) as file:
        text = file.read(_PEEK).lstrip()
    listed = text.startswith("[")
    try:
        first, end = Reader().value(text[1:].lstrip() if listed else text)
    except BrokenJson:
        return {}, False
    if not isinstance(first, dict):
        return {}, False
    whole = not listed and not text[end:].strip()
    return first, whole
