"""Folders and files that are complete or absent."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from probrm.disk import TakenError, check_folder_place, free_name, put_file, put_folder, refusal, remedy, telling
from probrm.errors import RunError

MARKER = "run.json"
"""The file that makes a folder a run; it is written last."""


def choose_folder(out: str | None, kind: str, source: str, *, overwrite: bool) -> Path:
    """Where a run will go: ``out``, or a new folder under ``runs/`` named after the model and the data.

    Called before any work is done, so that nobody waits for a fit that cannot be saved.

    Raises:
        RunError: the folder holds a run and ``overwrite`` is off; it holds something else; or it cannot be written.
    """
    if out is None:
        stem = re.sub(r"[^\w.-]+", "-", Path(source.rstrip("/")).name.split(".")[0]).strip("-")[:80] or "data"
        path = free_folder(Path("runs") / f"{kind}-{stem}")
    else:
        if not out:
            check_folder_place(out)
        path = Path(out)
    try:
        check_folder(path, overwrite=overwrite)
    except OSError as error:
        raise refusal(f"--out {path}", error) from None
    check_folder_place(path)
    return path


def free_folder(path: Path) -> Path:
    """``path`` where nothing is there yet, else the first of ``path-2``, ``path-3``, … that is free."""
    return free_name(path)


def check_folder(path: Path, *, overwrite: bool) -> None:
    """Refuses a place that may not be written: what is no run is never replaced, a run only with ``overwrite``.

    Raises:
        RunError: the place is taken.
        OSError: the folder cannot be looked into.
    """
    if os.path.isfile(path):
        raise RunError(f"--out {path}: it is a file", fix="name a folder that does not exist yet")
    if not os.path.isdir(path) or not any(path.iterdir()):
        return
    if not (path / MARKER).is_file() and not modes_in(path):
        raise RunError(
            f"--out {path}: the folder holds something that is no run of probrm", fix="name a new folder; this one is never overwritten"
        )
    if not overwrite:
        raise RunError(f"--out {path}: the folder already holds a run", fix="name another folder, or replace the run with --overwrite")


def modes_in(path: Path) -> list[Path]:
    """The runs in a folder that holds several modes of one fit, none of which could be named."""
    if not os.path.isdir(path):  # of a name too long pathlib raises
        return []
    return sorted(child for child in path.glob("mode-*") if (child / MARKER).is_file())


def write_folder(path: Path, write: Callable[[Path], None], *, overwrite: bool = False, rescue: bool = False) -> None:
    """Fills a new folder beside ``path`` with ``write`` and then puts it in its place in one step.

    Whatever interrupts it (an error, Ctrl-C, kill -9, a full disk), either the old folder or the new one is there.

    Args:
        path: of the folder.
        write: fills it.
        overwrite: whether a run that is there is replaced.
        rescue: whether what cannot be written there is kept in the system's folder for temporary files, which the error then says.

    Raises:
        RunTakenError: another command has put something there meanwhile; the new folder is kept under another name.
        RunError: the disk is full or the folder cannot be written.
    """
    try:
        put_folder(path, write, replaceable=_replaceable if overwrite else None)
    except TakenError as error:
        told = refusal(f"--out {path}", error)
        raise RunTakenError(told.what, fix=told.fix, kept=error.kept) from None
    except OSError as error:
        told = refusal(path, error, what="the run could not be saved")
        if rescue and (kept := _rescued(path.name, write)):
            raise RunError(f"{told.what}; it is kept in {kept}", fix=f"{remedy(error)}; then: mv {kept} {free_name(path)}") from None
        raise told from None


def _rescued(name: str, write: Callable[[Path], None]) -> Path | None:
    """Where a folder was kept that could not be written in its place; None where there is no room either."""
    try:
        folder = Path(tempfile.mkdtemp(prefix="probrm-"))
    except OSError:
        return None
    try:
        put_folder(folder / name, write)
    except OSError:
        shutil.rmtree(folder, ignore_errors=True)
        return None
    return folder / name


class RunTakenError(RunError):
    """Another command has taken the name of a run while it was made.

    Args:
        what: as in ``ProbrmError``.
        fix: likewise.
        kept: where the run is.
    """

    def __init__(self, what: str, *, fix: str, kept: Path) -> None:
        super().__init__(what, fix=fix)
        self.kept = kept


def _replaceable(path: Path) -> bool:
    try:
        check_folder(path, overwrite=True)
    except (RunError, OSError):
        return False
    return True


def replace_file(path: str | Path, content: bytes | memoryview, *, overwrite: bool = True) -> None:
    """Writes a file beside ``path`` and puts it in its place in one step; folders above it are made.

    Raises:
        RunError: the disk is full, the folder cannot be written, or the name is taken and ``overwrite`` is off.
    """
    with telling(path):
        put_file(path, content, overwrite=overwrite)
