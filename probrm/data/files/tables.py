"""Tables from wherever they lie: which reader a source gets, and the hash that says what was read."""

from __future__ import annotations

import difflib
import hashlib
import os
import re
import zlib
from collections.abc import Collection
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from probrm.data.files.saved_datasets import read_folder, read_hub
from probrm.data.files.text_files import read_csv, read_json
from probrm.data.files.writing import write_table
from probrm.errors import DataError

__all__ = ["file_hash", "read_table", "write_table"]

_KINDS = {".parquet": "parquet", ".csv": "csv", ".jsonl": "json", ".json": "json", ".ndjson": "json"}
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*(?::[\w.\[\]%+-]+)?")


def read_table(source: str, *, texts: Collection[str] = (), ids: Collection[str] = ()) -> pa.Table:
    """Reads a whole table into memory.

    Args:
        source: a ``.parquet``, ``.csv``, ``.jsonl``, ``.ndjson`` or ``.json`` file (each also ``.gz``), a folder written by
            ``datasets``' ``save_to_disk``, or a hub id ``owner/name[:split]``.
        texts: columns that must hold text: in files without types (CSV, JSON) ``15`` in a CSV stays the text "15", and what is
            no string in a JSON file becomes missing.
        ids: columns whose values are names: in a CSV ``007`` stays "007".

    Raises:
        DataError: the source is missing, empty, damaged, or of a kind that is not read.
    """
    if not source:
        raise DataError("no file is named: the name is empty", fix="name a file, a folder or a hub id, for example --data logs.parquet")
    path = Path(source)
    if os.path.isdir(source):  # os.path says no to names too long for the system, where pathlib raises
        table = read_folder(source)
    elif os.path.isfile(source):
        table = _read_file(path, source, frozenset(texts), frozenset(ids))
    elif _kind(path) is None and _HUB_ID.fullmatch(source) and not os.path.isdir(path.parent):
        table = read_hub(source)
    else:
        raise _missing(path, source)
    repeated = sorted({name for name in table.column_names if table.column_names.count(name) > 1})
    if repeated:
        raise DataError(f"{source}: several columns have the same name: {', '.join(map(repr, repeated))}", fix="rename all but one of them")
    if table.num_rows == 0:
        raise DataError(f"{source}: there are no rows in it", fix="check how the file was made; at least one row is needed")
    return table


def file_hash(source: str | Path) -> str | None:
    """SHA-256 of a local file, or of a folder over its sorted file names and contents; None for what is not local (a hub id)."""
    path = Path(source)
    if path.is_file():
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    if not path.is_dir():
        return None
    digest = hashlib.sha256()
    for inner in sorted(p for p in path.rglob("*") if p.is_file()):
        digest.update(inner.relative_to(path).as_posix().encode() + b"\0")
        with inner.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def _kind(path: Path) -> str | None:
    name = path.with_suffix("") if path.suffix == ".gz" else path
    return _KINDS.get(name.suffix.lower())


def _read_file(path: Path, source: str, texts: frozenset[str], ids: frozenset[str]) -> pa.Table:
    kind = _kind(path)
    if kind is None:
        raise DataError(
            f"{source}: files ending in {path.suffix or 'nothing'!r} are not read; allowed: {', '.join(_KINDS)}, each also with .gz",
            fix="convert the file, or rename it if its ending is wrong",
        )
    try:
        if path.stat().st_size == 0:
            raise DataError(f"{source}: the file is empty (0 bytes)", fix="check how the file was made, or copy it again")
        if kind == "csv":
            return read_csv(path, source, texts | ids)
        if kind == "json":
            return read_json(path, source, texts, ids)
        return _read_parquet(path)
    except PermissionError as error:
        raise DataError(f"{source}: you may not read this file", fix=f"chmod u+r {source}") from error
    except (pa.ArrowException, OSError, EOFError, zlib.error) as error:  # damaged files, and the ways in which a gzip can be damaged
        what = str(error).splitlines()[0].removesuffix(".") if str(error) else type(error).__name__
        raise DataError(
            f"{source}: cannot be read as {kind} ({what})", fix="the file is damaged or cut short: make or copy it again"
        ) from error


def _read_parquet(path: Path) -> pa.Table:
    if path.suffix != ".gz":
        with pq.ParquetFile(path) as file:
            return file.read()
    with pa.input_stream(path) as stream:
        return pq.read_table(pa.BufferReader(stream.read()))


def _missing(path: Path, source: str) -> DataError:
    there = os.path.isdir(path.parent)
    beside = os.listdir(path.parent) if there else []
    close = difflib.get_close_matches(path.name, beside, n=1)
    if close:
        fix = f"did you mean {path.with_name(close[0])}?"
    elif there:
        fix = "check the path; hub data sets are named owner/name or owner/name:split"
    else:
        fix = f"check the path: the folder {path.parent} does not exist either"
    return DataError(f"{source}: there is no such file", fix=fix)
