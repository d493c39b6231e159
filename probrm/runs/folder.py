"""Folders and files that are complete or absent."""

from __future__ import annotations

import errno
import os
import re
import secrets
import shutil
import tempfile
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from pathlib import Path

from probrm.errors import RunError

MARKER = "run.json"
"""The file that makes a folder a run; it is written last."""
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def choose_folder(out: str | None, kind: str, source: str, *, overwrite: bool) -> Path:
    """Where a run will go: ``out``, or a new folder under ``runs/`` named after the model and the data.

    Called before any work is done, so that nobody waits for a fit that cannot be saved.

    Raises:
        RunError: the folder holds a run and ``overwrite`` is off; it holds something else; or it cannot be written.
    """
    if out is None:
        stem = re.sub(r"[^\w.-]+", "-", Path(source.rstrip("/")).name.split(".")[0]).strip("-") or "data"
        path = free_folder(Path("runs") / f"{kind}-{stem}")
    else:
        path = Path(out)
    try:
        check_folder(path, overwrite=overwrite)
        there = next(folder for folder in Path(os.path.abspath(path)).parents if folder.exists())
        tempfile.TemporaryFile(dir=there).close()
    except OSError as error:
        raise RunError(
            f"--out {path}: cannot be written: {error.strerror}", fix="name a folder that you may write to, with space left"
        ) from None
    return path


def free_folder(path: Path) -> Path:
    """``path`` where nothing is there yet, else the first of ``path-2``, ``path-3``, … that is free."""
    names = (path.with_name(path.name + (f"-{i}" if i > 1 else "")) for i in count(1))
    return next(name for name in names if not os.path.lexists(name))


def check_folder(path: Path, *, overwrite: bool) -> None:
    """Refuses a place that may not be written: what is no run is never replaced, a run only with ``overwrite``.

    Raises:
        RunError: the place is taken.
        OSError: the folder cannot be looked into.
    """
    if path.is_file():
        raise RunError(f"--out {path}: it is a file", fix="name a folder that does not exist yet")
    if not path.is_dir() or not any(path.iterdir()):
        return
    if not (path / MARKER).is_file() and not modes_in(path):
        raise RunError(
            f"--out {path}: the folder holds something that is no run of probrm", fix="name a new folder; this one is never overwritten"
        )
    if not overwrite:
        raise RunError(f"--out {path}: the folder already holds a run", fix="name another folder, or replace the run with --overwrite")


def modes_in(path: Path) -> list[Path]:
    """The runs in a folder that holds several modes of one fit, none of which could be named."""
    return sorted(child for child in path.glob("mode-*") if (child / MARKER).is_file())


def write_folder(path: Path, write: Callable[[Path], None]) -> None:
    """Fills a new folder beside ``path`` with ``write`` and then puts it in its place in one step.

    Whatever interrupts it (an error, Ctrl-C, a full disk), either the old folder or the new one is there.

    Raises:
        RunError: the disk is full or the folder cannot be written.
    """
    path = Path(os.path.abspath(path))
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(4)}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh.mkdir()
        write(fresh)
        _put(fresh, path)
    except OSError as error:
        reason = "the disk is full" if error.errno in _NO_ROOM else error.strerror or str(error)
        raise RunError(
            f"{path}: the run could not be saved: {reason}", fix="free some space or name a folder elsewhere with --out, then fit again"
        ) from None
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _put(fresh: Path, path: Path) -> None:
    if not path.exists():
        os.replace(fresh, path)
        return
    old = path.with_name(fresh.name.removesuffix(".partial") + ".old")
    try:
        os.replace(path, old)
        os.replace(fresh, path)
    finally:
        if not path.exists():  # interrupted between the two
            os.replace(old, path)
        shutil.rmtree(old, ignore_errors=True)


def replace_file(path: str | Path, content: bytes | memoryview) -> None:
    """Writes a file beside ``path`` and puts it in its place in one step; folders above it are made.

    Raises:
        RunError: the disk is full or the folder cannot be written.
    """
    path = Path(path)
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(4)}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh.write_bytes(content)
        os.replace(fresh, path)
    except OSError as error:
        reason = "the disk is full" if error.errno in _NO_ROOM else error.strerror or str(error)
        raise RunError(
            f"{path}: cannot be written: {reason}", fix="name a file in a folder that you may write to, with space left"
        ) from None
    finally:
        with suppress(OSError):
            fresh.unlink()
