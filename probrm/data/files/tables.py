"""Tables from wherever they lie: which reader a source gets, and the hash that says what was read."""

from __future__ import annotations

import difflib
import glob
import hashlib
import os
import re
from collections import Counter
from collections.abc import Collection
from pathlib import Path

import pyarrow as pa

from probrm.data.files.csv_files import read_csv
from probrm.data.files.damage import told
from probrm.data.files.hints import listed
from probrm.data.files.json_files import read_json
from probrm.data.files.memory import PER_BYTE, bounded, check_room
from probrm.data.files.opening import is_remote
from probrm.data.files.parquet_files import read_parquet
from probrm.data.files.parts import KINDS, expand, hive_values, is_glob, kind_of, read_parts
from probrm.data.files.saved_datasets import is_saved, read_folder, read_hub
from probrm.data.files.unpacking import check_length
from probrm.data.files.valid import valid
from probrm.data.files.writing import write_table
from probrm.errors import DataError

__all__ = ["file_hash", "kind_of", "read_table", "write_table"]

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*(?::[\w.\[\]%+-]+)?")


@bounded
def read_table(source: str, *, texts: Collection[str] = (), ids: Collection[str] = ()) -> pa.Table:
    """Reads a whole table into memory.

    Args:
        source: a ``.parquet``, ``.csv``, ``.tsv``, ``.jsonl``, ``.ndjson`` or ``.json`` file (each also ``.gz`` and ``.zst``); a
            folder or a glob of such files, in Hive partitions too; a URL of one of these that fsspec knows (``s3://``); a folder
            written by ``datasets``' ``save_to_disk``; or a hub id ``owner/name[:split]``.
        texts: columns that must hold text: in files without types (CSV, JSON) ``15`` in a CSV stays the text "15", and what is
            no string in a JSON file becomes missing.
        ids: columns whose values are names: in a CSV ``007`` stays "007".

    Raises:
        DataError: the source is missing, empty, damaged, or of a kind that is not read.
    """
    if not source:
        raise DataError("no file is named: the name is empty", fix="name a file, a folder or a hub id, for example --data logs.parquet")
    path = Path(source)
    as_text = frozenset(texts), frozenset(ids)
    if os.path.isfile(source):  # os.path says no to names too long for the system, where pathlib raises
        table = _read_file(source, source, *as_text)
    elif is_saved(source):
        table = read_folder(source)
    elif is_remote(source) or os.path.isdir(source) or is_glob(source):
        table = _read_parts(source, *as_text)
    elif kind_of(path) is None and _HUB_ID.fullmatch(source) and not os.path.isdir(path.parent):
        table = read_hub(source)
    else:
        raise _missing(path, source)
    repeated = sorted(name for name, count in Counter(table.column_names).items() if count > 1)
    if repeated:
        raise DataError(f"{source}: several columns have the same name: {listed(map(repr, repeated))}", fix="rename all but one of them")
    if not table.column_names:
        raise DataError(f"{source}: its rows hold nothing", fix="check how the file was made; columns have names")
    if table.num_rows == 0:
        raise DataError(f"{source}: there are no rows in it", fix="check how the file was made; at least one row is needed")
    check_room(source, table.nbytes - table.nbytes // PER_BYTE, table.num_rows)
    return table


def file_hash(source: str | Path) -> str | None:
    """SHA-256 of a local file, or of a folder or glob over its sorted file names and contents; None for what is not local."""
    path = Path(source)
    if path.is_file():
        return _digest(path).hex()
    if path.is_dir():
        found = [(p.relative_to(path).as_posix(), p) for p in path.rglob("*") if p.is_file()]
    elif not is_remote(str(source)) and is_glob(str(source)):
        found = [(Path(p).as_posix(), Path(p)) for p in glob.glob(str(source), recursive=True) if os.path.isfile(p)]
        common = os.path.commonpath([str(Path(name).parent) for name, _ in found]) if found else ""  # equal from any folder
        found = [(os.path.relpath(name, common or "."), p) for name, p in found]
    else:
        return None
    digest = hashlib.sha256()
    for name, inner in sorted(found):
        digest.update(name.encode() + b"\0" + _digest(inner))
    return digest.hexdigest()


def _digest(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def _read_parts(source: str, texts: frozenset[str], ids: frozenset[str]) -> pa.Table:
    parts = expand(source)
    if not parts:
        what = "no file matches this pattern"
        if os.path.isdir(source):
            what = f"a folder that holds no file that is read; it holds {', '.join(sorted(os.listdir(source))[:8]) or 'nothing'}"
        raise DataError(f"{source}: {what}", fix=f"name files ending in {', '.join(KINDS)}, or a folder made with Dataset.save_to_disk")
    if len(parts) == 1 and not hive_values(parts[0].removeprefix(source)):
        return _read_file(parts[0], parts[0], texts, ids)
    return read_parts(source, parts, lambda part: _read_file(part, part, texts, ids), texts | ids)


def _read_file(path: str, source: str, texts: frozenset[str], ids: frozenset[str]) -> pa.Table:
    kind = kind_of(path)
    if kind is None:
        ending = Path(path).suffix or "nothing"
        raise DataError(
            f"{source}: files ending in {ending!r} are not read; allowed: {', '.join(KINDS)}, each also with .gz or .zst",
            fix="convert the file, or rename it if its ending is wrong",
        )
    with told(source, kind):
        if not is_remote(path) and os.path.getsize(path) == 0:
            raise DataError(f"{source}: the file is empty (0 bytes)", fix="check how the file was made, or copy it again")
        if kind == "parquet":
            return valid(read_parquet(path, source), source)
        check_length(path, source)
        if kind == "json":
            return read_json(path, source, texts, ids)
        return read_csv(path, source, texts | ids, delimiter="\t" if kind == "tsv" else ",")


def _missing(path: Path, source: str) -> DataError:
    if os.path.exists(path):
        return DataError(f"{source}: it is no plain file but a device or a pipe", fix="save the rows as a file, and name that")
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
