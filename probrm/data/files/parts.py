"""A table in several files: a folder, a glob, Hive partitions; local or behind a URL."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Callable, Collection, Sequence
from pathlib import PurePosixPath
from urllib.parse import unquote

import pyarrow as pa

from probrm.data.files.hints import listed
from probrm.data.files.opening import filesystem, is_remote, packing
from probrm.errors import DataError

KINDS = {".parquet": "parquet", ".csv": "csv", ".tsv": "tsv", ".jsonl": "json", ".json": "json", ".ndjson": "json"}
"""Endings of files that are read."""
_SPLIT = re.compile(r"(?:^|[/_.-])(train|test|validation|valid|val|dev|eval)(?=[/_.-])", re.IGNORECASE)
_DEFAULT_PARTITION = "__HIVE_DEFAULT_PARTITION__"


def kind_of(source: object) -> str | None:
    """``parquet``, ``csv``, ``tsv`` or ``json`` by the ending; None of other files."""
    name = PurePosixPath(str(source).replace(os.sep, "/"))
    if packing(name.name):
        name = name.with_suffix("")
    return KINDS.get(name.suffix.lower())


def is_glob(source: str) -> bool:
    """Whether a source names files by a pattern."""
    return any(sign in source for sign in "*?[") and not os.path.exists(source)


def expand(source: str) -> list[str]:
    """The files of a source in their order: the file itself, those of a folder with all below, or those that a glob matches.

    Names that begin with a dot or an underscore (``_SUCCESS``) are no parts. Of a source that is not there: nothing.

    Raises:
        DataError: files of several kinds, or of several splits, which are no parts of one table.
    """
    found = _remote(source) if is_remote(source) else _local(source)
    if len(found) < 2:
        return found
    kinds = sorted({str(kind_of(part)) for part in found})
    if len(kinds) > 1:
        raise DataError(
            f"{source}: it holds files of several kinds ({', '.join(kinds)}), which are no parts of one table: {listed(found, 4)}",
            fix=f"name those of one kind: --data '{source.rstrip('/')}/*{_ending(found[0])}'"
            if not is_glob(source)
            else "make the pattern narrower",
        )
    root = _root(source)
    splits = sorted({m[1].lower() for part in found if (m := _SPLIT.search(part.removeprefix(root).lstrip("/")))})
    if len(splits) > 1:
        raise DataError(
            f"{source}: it holds several splits ({', '.join(splits)}); allowed: the parts of one",
            fix=f"name one: --data '{root.rstrip('/')}/**/*{splits[0]}*'",
        )
    return found


def read_parts(source: str, parts: Sequence[str], read: Callable[[str], pa.Table], as_text: Collection[str]) -> pa.Table:
    """The parts' tables below each other; folders ``name=value`` on the way add columns.

    Args:
        source: what was named, for messages.
        parts: the files.
        read: of one file.
        as_text: columns that stay text.

    Raises:
        DataError: the parts have columns of one name and types that do not go together.
    """
    root = _root(source)
    tables = []
    for part in parts:
        table = read(part)
        for name, value in hive_values(part.removeprefix(root)).items():
            if name not in table.column_names:
                table = table.append_column(name, pa.array([value] * table.num_rows, pa.string()))
        tables.append(table)
    try:
        whole = pa.concat_tables(tables, promote_options="permissive")
    except pa.ArrowException as error:
        what = str(error).splitlines()[0].rstrip(".")
        raise DataError(
            f"{source}: its {len(parts)} parts do not have the same columns ({what})",
            fix="name parts of one form, or convert those that differ",
        ) from error
    partitions = {name for part in parts for name in hive_values(part.removeprefix(root))}
    for name in sorted(partitions - set(as_text)):
        at = whole.column_names.index(name)
        values = whole.column(at).to_pylist() if pa.types.is_string(whole.column(at).type) else [None]
        if all(value is None or re.fullmatch(r"-?(0|[1-9]\d*)", value) for value in values) and any(values):
            whole = whole.set_column(at, name, whole.column(at).cast(pa.int64()))
    return whole


def hive_values(path: str) -> dict[str, str | None]:
    """What the folders of a path say: ``dt=2026-01-01/surface=web/part-0.parquet``."""
    found: dict[str, str | None] = {}
    for folder in path.strip("/").split("/")[:-1]:
        name, equals, value = folder.partition("=")
        if name and equals:
            found[unquote(name)] = None if value == _DEFAULT_PARTITION else unquote(value)
    return found


def _root(source: str) -> str:
    """The folder that all parts lie below."""
    if not any(sign in source for sign in "*?["):
        return source
    fixed = re.split(r"[*?\[]", source, maxsplit=1)[0]
    return fixed.rpartition("/")[0] + "/" if "/" in fixed else ""


def _local(source: str) -> list[str]:
    if os.path.isfile(source):
        return [source]
    if os.path.isdir(source):
        below = sorted(os.path.join(folder, name) for folder, _, names in os.walk(source) for name in names)
        return [path for path in below if kind_of(path) and not _hidden(path.removeprefix(source))]
    if is_glob(source):
        return sorted(
            path
            for path in glob.glob(source, recursive=True)
            if os.path.isfile(path) and kind_of(path) and not _hidden(path.removeprefix(_root(source)))
        )
    return []


def _remote(source: str) -> list[str]:
    fs, path = filesystem(source)
    scheme = source.split("://", 1)[0]

    def address(inner: str) -> str:
        return f"{scheme}://{inner.lstrip('/')}"

    try:
        if any(sign in source for sign in "*?["):
            return [address(p) for p in sorted(fs.glob(path)) if kind_of(p) and not _hidden(p)]
        if fs.isfile(path):
            return [source]
        if fs.isdir(path):
            return [address(p) for p in sorted(fs.find(path)) if kind_of(p) and not _hidden(p.removeprefix(path))]
    except Exception as error:  # each driver has its own ways to fail: no access, no network
        raise DataError(
            f"{source}: cannot be listed ({_line(error)})", fix="check the address, the network and your credentials"
        ) from error
    raise DataError(f"{source}: there is no such file or folder", fix="check the address")


def _hidden(path: str) -> bool:
    return any(name[:1] in "._" for name in path.replace(os.sep, "/").split("/") if name)


def _ending(part: str) -> str:
    name = PurePosixPath(part).name
    return name[name.index(".") :] if "." in name else ""


def _line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(error).__name__
