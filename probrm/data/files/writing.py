"""Tables to disk: whole or not at all."""

from __future__ import annotations

import errno
import gzip
import json
import os
import secrets
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.csv as arrow_csv
import pyarrow.parquet as pq

from probrm.data.files.arrow import kernels
from probrm.errors import DataError

_ENDINGS = (".parquet", ".csv", ".csv.gz", ".jsonl", ".jsonl.gz", ".ndjson", ".ndjson.gz")
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def write_table(table: pa.Table, path: str | Path) -> None:
    """Writes a table in the form that the file's ending names; an existing file is replaced only once the new one is complete.

    In a CSV, nested columns become JSON text. In JSON lines, what is not finite becomes null.

    Raises:
        DataError: the ending is unknown, the folder is missing, or the disk refuses (full, read-only).
    """
    ending, path = check_target(path), Path(path)
    unfinished = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        with unfinished.open("xb") as file:
            _write(table, file, ending)
        os.replace(unfinished, path)
    except OSError as error:
        fix = (
            "free some room, or write to another disk" if error.errno in _NO_ROOM else "check the folder's permissions, or write elsewhere"
        )
        raise DataError(f"{path}: cannot be written ({error.strerror or error})", fix=fix) from error
    finally:
        unfinished.unlink(missing_ok=True)  # Ctrl-C comes through here too


def check_target(path: str | Path) -> str:
    """The ending that names the form of a table to be written; asked before the work that fills it.

    Raises:
        DataError: the ending is unknown, or the folder is missing.
    """
    path = Path(path)
    ending = next((e for e in sorted(_ENDINGS, key=len, reverse=True) if path.name.lower().endswith(e)), None)
    if ending is None:
        raise DataError(f"{path}: no form for this ending; allowed: {', '.join(_ENDINGS)}", fix=f"write to {path.stem or 'out'}.parquet")
    if path.is_dir():
        raise DataError(f"{path}: is a folder", fix="name a file in it")
    if not path.parent.is_dir():
        raise DataError(f"{path}: the folder {path.parent} does not exist", fix=f"mkdir -p {path.parent}")
    return ending


def _write(table: pa.Table, file: IO[bytes], ending: str) -> None:
    if ending.endswith(".gz"):
        with gzip.GzipFile(
            filename="", fileobj=file, mode="wb", compresslevel=6, mtime=0
        ) as packed:  # neither name nor time: equal tables, equal files
            _write(table, packed, ending.removesuffix(".gz"))  # type: ignore[arg-type]
    elif ending == ".parquet":
        pq.write_table(table, file)
    elif ending == ".csv":
        arrow_csv.write_csv(_flat(table), file)
    else:
        _write_lines(table, file)


def _flat(table: pa.Table) -> pa.Table:
    for index, field in enumerate(table.schema):
        if pa.types.is_nested(field.type):
            texts = [None if v is None else json.dumps(v, ensure_ascii=False, default=str) for v in table.column(index).to_pylist()]
            table = table.set_column(index, field.name, pa.array(texts, pa.large_string()))
        elif pa.types.is_dictionary(field.type):
            table = table.set_column(index, field.name, table.column(index).cast(field.type.value_type))
    return table


def _write_lines(table: pa.Table, file: IO[bytes]) -> None:
    for index, field in enumerate(table.schema):
        if pa.types.is_floating(field.type):
            column: Any = table.column(index)
            table = table.set_column(index, field.name, kernels.if_else(kernels.is_finite(column), column, pa.scalar(None, field.type)))
    for batch in table.to_batches(max_chunksize=10_000):
        lines = (json.dumps(row, ensure_ascii=False, default=str) for row in batch.to_pylist())
        file.write(("\n".join(lines) + "\n").encode())
