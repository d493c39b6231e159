"""Records of an export as Python has them, from any kind of file; JSON stays as deep as it is written."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from probrm.data.files.csv_files import csv_names
from probrm.data.files.damage import DAMAGED, told
from probrm.data.files.json_items import objects
from probrm.data.files.json_values import BrokenJson, Reader
from probrm.data.files.opening import is_remote
from probrm.data.files.parquet_files import beginning
from probrm.data.files.parts import expand
from probrm.data.files.tables import kind_of, read_table
from probrm.data.files.text_stream import open_text
from probrm.data.files.unpacking import check_length
from probrm.data.products.product import Peek
from probrm.errors import ProbrmError

_PEEK = 1 << 22
_DELIMITERS = {"csv": ",", "tsv": "\t"}
_AS_OBJECTS = 3
"""How many times the memory of a table Python's own objects take."""


def records(source: str) -> list[dict[str, Any]]:
    """All records of a file, a folder or a glob; of one JSON object, that object alone.

    Raises:
        DataError: the source cannot be read, a record is no object, or there is too little memory.
    """
    found: list[dict[str, Any]] = []
    parts = expand(source)
    for part in parts:
        with told(part, str(kind_of(part))):
            if kind_of(Path(part)) == "json":
                check_length(part, part, weight=_AS_OBJECTS)
                found.extend(objects(part, part))
            elif kind_of(Path(part)) in ("csv", "tsv"):
                found.extend(_csv_records(part))
            else:
                found.extend(read_table(part).to_pylist())
    return found


def _csv_records(source: str) -> Iterator[dict[str, Any]]:
    """Every cell as the text that it is: ``007`` is a name and ``12`` may be an answer; an empty one is missing."""
    names = csv_names(source, source, delimiter=_DELIMITERS[str(kind_of(source))])
    for row in read_table(source, texts=names).to_pylist():
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
