"""Where a report goes."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from probrm.disk import check_file
from probrm.errors import RunError


def choose_file(run: str | Path, out: str | None, *, overwrite: bool, inputs: Iterable[str] = ()) -> Path:
    """``out``, or the run's folder with ``.html`` behind it. Called before any work is done.

    Raises:
        RunError: the file is there and ``overwrite`` is off, it is a folder, it is inside the run, it is one of ``inputs``, or it cannot
            be written.
    """
    folder = Path(os.path.abspath(run))
    if out is not None and not out.strip():
        check_file(out, overwrite=overwrite)
    path = Path(out) if out is not None else folder.with_name(folder.name + ".html")
    whole = Path(os.path.realpath(path))
    if whole.is_relative_to(os.path.realpath(folder)):
        raise RunError(f"--out {path}: it is inside the run, which is never written to", fix="name a file beside it")
    check_file(path, overwrite=overwrite, inputs=inputs)
    return path if out is not None else _near(path)


def _near(path: Path) -> Path:
    """As a person in the current folder would name it."""
    try:
        return path.relative_to(Path.cwd())
    except ValueError:
        return path
