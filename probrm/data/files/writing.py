"""Tables to disk: whole or not at all."""

from __future__ import annotations

import base64
import gzip
import io
import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.csv as arrow_csv
import pyarrow.parquet as pq

from probrm.data.files.arrow import kernels
from probrm.disk import check_file, put_file, telling
from probrm.errors import DataError

_ENDINGS = (".parquet", ".csv", ".csv.gz", ".jsonl", ".jsonl.gz", ".ndjson", ".ndjson.gz")


def write_table(table: pa.Table, path: str | Path, *, overwrite: bool = True) -> None:
    """Writes a table in the form that the file's ending names; an existing file is replaced only once the new one is complete.

    In a CSV, nested columns become JSON text. In JSON lines, what is not finite becomes null. In both, bytes become base64.

    Raises:
        DataError: the ending is unknown, the folder is missing, the disk refuses (full, read-only), or, without ``overwrite``, the name
            is taken: the table is kept under another name then, which the message gives.
    """
    with telling(path, DataError):
        put_file(path, filler(table, path), overwrite=overwrite)


def filler(table: pa.Table, path: str | Path) -> Callable[[IO[bytes]], None]:
    """What writes the table in the form that the ending of ``path`` names.

    Raises:
        DataError: the ending is unknown, or the folder is missing.
    """
    ending = _ending(path)
    return lambda file: _write(table, file, ending)


def check_target(path: str | Path, *, overwrite: bool = True, inputs: Iterable[str] = ()) -> str:
    """The ending that names the form of a table to be written; asked before the work that fills it.

    Args:
        path: the file.
        overwrite: whether one that is there is replaced.
        inputs: files that are read for it, and so never replaced.

    Raises:
        DataError: the ending is unknown, the folder is missing, or no file can be put there.
    """
    if not os.fspath(path).strip():
        check_file(path, overwrite=overwrite, raised=DataError)
    ending = _ending(path)
    check_file(path, overwrite=overwrite, inputs=inputs, raised=DataError)
    return ending


def _ending(path: str | Path) -> str:
    path = Path(path)
    ending = next((e for e in sorted(_ENDINGS, key=len, reverse=True) if path.name.lower().endswith(e)), None)
    if ending is None:
        raise DataError(f"{path}: no form for this ending; allowed: {', '.join(_ENDINGS)}", fix=f"write to {path.stem or 'out'}.parquet")
    if not os.path.isdir(path.parent):  # os.path says no to what is too long for the system, where pathlib raises
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
    """Every column as a type that a CSV can hold."""
    for index, field in enumerate(table.schema):
        column = _plain(table.column(index))
        if pa.types.is_nested(column.type):
            texts = [None if v is None else json.dumps(v, ensure_ascii=False, default=str) for v in column.to_pylist()]
            column = pa.chunked_array([pa.array(texts, pa.large_string())])
        elif not _fits_csv(column.type):  # intervals, and types to come
            column = pa.chunked_array([pa.array([None if v is None else str(v) for v in column.to_pylist()], pa.large_string())])
        table = table.set_column(index, field.name, column)
    return table


def _plain(column: Any) -> Any:
    """The values behind dictionaries, runs, views and types of other makers; bytes as base64 text."""
    while isinstance(column.type, pa.BaseExtensionType):
        column = pa.chunked_array([chunk.storage for chunk in column.chunks], column.type.storage_type)
    kind = column.type
    if pa.types.is_dictionary(kind) or pa.types.is_run_end_encoded(kind):
        return _plain(pa.chunked_array([pa.array(column.to_pylist(), kind.value_type)]))
    if pa.types.is_string_view(kind):
        return column.cast(pa.large_string())
    if any(test(kind) for test in (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_fixed_size_binary, pa.types.is_binary_view)):
        return pa.chunked_array(
            [pa.array([None if v is None else base64.b64encode(v).decode() for v in column.to_pylist()], pa.large_string())]
        )
    return column


def _fits_csv(kind: pa.DataType) -> bool:
    try:
        arrow_csv.write_csv(pa.table({"x": pa.nulls(1, kind)}), io.BytesIO())
    except pa.ArrowException:
        return False
    return True


def _write_lines(table: pa.Table, file: IO[bytes]) -> None:
    for index, field in enumerate(table.schema):
        column = _plain(table.column(index))
        table = table.set_column(index, field.name, column)
        if pa.types.is_floating(column.type):
            table = table.set_column(index, field.name, kernels.if_else(kernels.is_finite(column), column, pa.scalar(None, column.type)))
    for batch in table.to_batches(max_chunksize=10_000):
        lines = (json.dumps(row, ensure_ascii=False, default=str) for row in batch.to_pylist())
        file.write(("\n".join(lines) + "\n").encode())
