"""Where a report goes."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from probrm.errors import RunError


def choose_file(run: str | Path, out: str | None, *, overwrite: bool) -> Path:
    """``out``, or the run's folder with ``.html`` behind it. Called before any work is done.

    Raises:
        RunError: the file is there and ``overwrite`` is off, it is a folder, it is inside the run, or it cannot be written.
    """
    folder = Path(os.path.abspath(run))
    path = Path(out) if out is not None else folder.with_name(folder.name + ".html")
    whole = Path(os.path.realpath(path))
    if whole.is_relative_to(os.path.realpath(folder)):
        raise RunError(f"--out {path}: it is inside the run, which is never written to", fix="name a file beside it")
    if path.is_dir():
        raise RunError(f"--out {path}: it is a folder", fix="name a file, such as report.html")
    if path.exists() and not overwrite:
        raise RunError(f"{path}: the file is there already", fix="name another one with --out, or replace it with --overwrite")
    try:
        there = next(parent for parent in Path(os.path.abspath(path)).parents if parent.exists())
        tempfile.TemporaryFile(dir=there).close()
    except OSError as error:
        raise RunError(f"--out {path}: cannot be written: {error.strerror}", fix="name a file in a folder that you may write to") from None
    return path if out is not None else _near(path)


def _near(path: Path) -> Path:
    """As a person in the current folder would name it."""
    try:
        return path.relative_to(Path.cwd())
    except ValueError:
        return path
