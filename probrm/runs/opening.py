"""A run's files, which may come from anybody: plain files of the folder alone, whole, and no larger in memory than on disk."""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from pydantic import ValidationError

from probrm.errors import RunError

TENSORS, POSTERIOR, HISTORY, METRICS, SPLIT = "tensors.safetensors", "posterior.nc", "history.json", "metrics.json", "split.json"
FILES = (TENSORS, POSTERIOR, HISTORY, METRICS, SPLIT)
"""All that a run consists of beside its record."""
_JSON_BYTES, _JSON_ITEMS = 2**28, 10_000_000
_UNKNOWN_PRIOR = re.compile(r"unknown prior ('[^']*')")
_HOLES = 64
"""A file that is more than so many times larger than what is written in it is none that was saved."""


def damaged(folder: Path, name: str, error: Exception | str) -> RunError:
    """The message for a file of a run that is not what it should be."""
    if isinstance(error, OSError):
        reason = error.strerror or str(error)
    elif isinstance(error, KeyError):
        reason = f"{error} is missing"
    elif isinstance(error, RecursionError):
        reason = "it is nested too deeply"
    elif isinstance(error, ValidationError):
        first = error.errors()[0]
        reason = f"{'.'.join(map(str, first['loc']))}: {first['msg'].removeprefix('Value error, ')}"
    else:
        reason = next(iter(str(error).splitlines()), type(error).__name__)
    if unknown := _UNKNOWN_PRIOR.search(reason):
        return RunError(
            f"{folder}: it was fitted with the prior {unknown[1]}, which is not known here",
            fix="import the module that registers it before probrm.load; for the command line, install a package that names it under the "
            "entry-point group probrm.priors",
        )
    return RunError(f"{folder}: the run is damaged: {name}: {reason[:300]}", fix="restore the folder from a copy, or fit again")


def read_json(folder: Path, name: str) -> Any:
    """The content of a JSON file of bounded size and depth.

    Raises:
        RunError: something else.
    """
    with _opened(folder, name) as file:
        if os.fstat(file.fileno()).st_size > _JSON_BYTES:
            raise damaged(folder, name, f"it is larger than {_JSON_BYTES // 2**20} MiB")
        content = file.read(_JSON_BYTES + 1)
    return _parsed(folder, name, content)


def read_files(folder: Path, main: Mapping[str, Any]) -> dict[str, bytes]:
    """The content of all files, each the one that was saved: an edited or half-copied run would score without a word, and wrongly.

    Raises:
        RunError: a file is missing, is no plain file, or has another size or hash than the record says.
    """
    declared, sizes = main["files"], main.get("sizes")  # runs of before have no sizes
    if not isinstance(declared, dict) or sorted(declared) != sorted(FILES):
        named = ", ".join(map(repr, list(declared)[:8])) if isinstance(declared, dict) else type(declared).__name__
        raise damaged(folder, "run.json", f"its files are {named or 'none'}; a run has {', '.join(FILES)}")
    found = {}
    for name in FILES:
        with _opened(folder, name) as file:
            size = os.fstat(file.fileno()).st_size
            if sizes is not None and (not isinstance(sizes, dict) or sizes.get(name) != size):
                raise damaged(folder, name, f"it is not what was saved: it has {size} bytes")
            if name.endswith(".json") and size > _JSON_BYTES:
                raise damaged(folder, name, f"it is larger than {_JSON_BYTES // 2**20} MiB")
            if hashlib.file_digest(file, "sha256").hexdigest() != declared[name]:  # type: ignore[arg-type]
                raise damaged(folder, name, "it is not what was saved")
            file.seek(0)
            found[name] = file.read(size)
        if hashlib.sha256(found[name]).hexdigest() != declared[name]:
            raise damaged(folder, name, "it has changed while it was read")
    return found


def parsed_files(folder: Path, content: Mapping[str, bytes]) -> tuple[dict[str, Any], dict[str, Any], list[str]]:
    """History, metrics, and the ids of the held-out rows.

    Raises:
        RunError: they are not of their form.
    """
    history, metrics, split = (_parsed(folder, name, content[name]) for name in (HISTORY, METRICS, SPLIT))
    _check(folder, HISTORY, history, dict)
    records = history.get("records") or []
    if not isinstance(records, list) or not all(isinstance(one, dict) and "step" in one and _numbers(one.values()) for one in records):
        raise damaged(folder, HISTORY, "'records' is no list of numbers by name, with a 'step' each")
    for name, table in _check(folder, METRICS, metrics, dict).items():
        _check(folder, f"{METRICS}: {name}", table, dict, type(None))
    for name in ("diagnostics", "identifiability"):
        _check(folder, f"{METRICS}: {name}", metrics.get(name), dict)
    _texts(folder, f"{METRICS}: identifiability.notes", metrics["identifiability"].get("notes", []))
    return history, metrics, _texts(folder, SPLIT, _check(folder, SPLIT, split, dict).get("held_out"))


def check_record(folder: Path, main: Mapping[str, Any]) -> None:
    """The parts of the record that every command reads are of their types.

    Raises:
        RunError: names the part and what it should be.
    """
    for path, types in _RECORD.items():
        found: Any = main
        for key in path.split("."):
            found = found.get(key) if isinstance(found, dict) else None
        _check(folder, f"run.json: {path}", found, *types)
    _texts(folder, "run.json: record.notes", main["record"]["notes"])


_NONE = type(None)
_RECORD: dict[str, tuple[type, ...]] = {
    "kind": (str,),
    "config": (dict,),
    "config.data": (dict,),
    "config.model": (dict,),
    "config.encoder": (dict,),
    "config.guide.name": (str,),
    "config.inference.name": (str,),
    "config.seed": (int,),
    "record": (dict,),
    "record.data.source": (str, _NONE),
    "record.data.sha256": (str, _NONE),
    "record.data.rows": (int,),
    "record.encoder.key": (str,),
    "record.encoder.dim": (int,),
    "record.encoder.embeddings": (str, _NONE),
    "record.encoder.config": (dict,),
    "record.versions": (dict,),
    "record.seconds": (dict,),
    "spec.model": (dict,),
    "spec.inputs": (dict,),
    "spec.baseline": (dict, _NONE),
}


def check_extent(folder: Path, spec: Any, total: int) -> None:
    """No number that a model is built from is larger than what its files hold: the memory of a model is that of its files.

    Raises:
        RunError: says which.
    """
    stack: list[tuple[str, Any]] = [("spec", spec)]
    while stack:
        path, value = stack.pop()
        if isinstance(value, dict):
            stack += [(f"{path}.{key}", item) for key, item in value.items()]
        elif isinstance(value, list):
            stack += [(path, item) for item in value]
        elif isinstance(value, int) and not isinstance(value, bool) and abs(value) > max(total, 4096):
            raise damaged(folder, "run.json", f"{path} is {value}, more than its files can hold")


def _check(folder: Path, what: str, found: Any, *types: type) -> Any:
    if not isinstance(found, types) or (isinstance(found, bool) and bool not in types):
        names = {dict: "a table", str: "a text", int: "a whole number", list: "a list", _NONE: "null"}
        raise damaged(folder, what, f"found {type(found).__name__}; allowed: {' or '.join(names.get(one, one.__name__) for one in types)}")
    return found


def _texts(folder: Path, what: str, found: Any) -> list[str]:
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        raise damaged(folder, what, "it is no list of texts")
    return found


def _numbers(values: Any) -> bool:
    return all(value is None or (isinstance(value, int | float) and not isinstance(value, bool)) for value in values)


def _parsed(folder: Path, name: str, content: bytes) -> Any:
    # A list of a million empty lists is three megabytes on disk and a hundred in memory.
    if sum(map(content.count, (b",", b"[", b"{"))) > _JSON_ITEMS:
        raise damaged(folder, name, f"it has more than {_JSON_ITEMS:,} entries")
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise damaged(folder, name, error) from None


@contextmanager
def _opened(folder: Path, name: str) -> Iterator[IO[bytes]]:
    """A plain file of the folder: no link, no pipe, no device, and not mostly holes."""
    path = folder / name
    try:
        kind = os.lstat(path).st_mode
        if stat.S_ISLNK(kind) or not stat.S_ISREG(kind):
            raise damaged(folder, name, "it is a link" if stat.S_ISLNK(kind) else "it is no plain file")
        flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
        with os.fdopen(os.open(path, flags), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise damaged(folder, name, "it is no plain file")
            if _written(file.fileno()) * _HOLES < os.fstat(file.fileno()).st_size:
                raise damaged(folder, name, "almost nothing of it is written")
            yield file
    except OSError as error:
        raise damaged(folder, name, error) from None


def _written(descriptor: int) -> int:
    """Bytes that are written; all of them where the system does not tell."""
    size, at, found = os.fstat(descriptor).st_size, 0, 0
    if size < 2**20 or not hasattr(os, "SEEK_DATA"):
        return size
    try:
        for _ in range(1000):
            start = os.lseek(descriptor, at, os.SEEK_DATA)
            at = os.lseek(descriptor, start, os.SEEK_HOLE)
            found += at - start
            if found * _HOLES >= size:
                break
    except OSError:  # no data after this, or no such question
        pass
    os.lseek(descriptor, 0, os.SEEK_SET)
    return found
