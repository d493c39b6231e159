"""A finished file or folder under its name: all of it or nothing, and never instead of what somebody else put there."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import IO

from probrm.disk.drafts import OLD, draft, held, hidden, remove
from probrm.disk.renames import claim, exchange
from probrm.disk.target import place

Content = bytes | memoryview | Callable[[IO[bytes]], object]


class TakenError(FileExistsError):
    """Another command has put something under the name meanwhile.

    Attributes:
        kept: where the finished file or folder is instead.
    """

    def __init__(self, path: str | Path, kept: Path) -> None:
        super().__init__(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
        self.kept = kept


def put_file(path: str | Path, content: Content, *, overwrite: bool = True, durable: bool = True) -> None:
    """Writes a file under a hidden name and then gives it its own; folders above it are made, links followed.

    Args:
        path: the file.
        content: its bytes, or what writes them.
        overwrite: whether a file of that name is replaced.
        durable: whether it is on the disk, and not only in memory, before it has its name.

    Raises:
        TakenError: the name is taken and ``overwrite`` is off.
        OSError: the disk refuses. Nothing is left then.
    """
    target = place(path)
    with draft(target, folder=False) as (fresh, descriptor):
        with os.fdopen(os.dup(descriptor), "wb") as file:
            if callable(content):
                content(file)
            else:
                file.write(content)
        if durable:
            os.fsync(descriptor)
        if overwrite:
            os.replace(fresh, target)
        else:
            _claim_or_keep(fresh, target, path)
        if durable:
            _settled(target.parent)


def put_folder(path: str | Path, fill: Callable[[Path], object], *, replaceable: Callable[[Path], bool] | None = None) -> None:
    """Fills a hidden folder and then gives it its name; folders above it are made, links followed.

    Args:
        path: the folder; an empty one is replaced.
        fill: writes into a new folder.
        replaceable: whether what has the name may be replaced, asked at the last moment; None: never.

    Raises:
        TakenError: the name is taken.
        OSError: the disk refuses. What was there is there still.
    """
    target = place(path)
    with draft(target, folder=True) as (fresh, _):
        fill(fresh)
        for written in _below(fresh):
            _settled(written)
        while not _placed(fresh, target, path, replaceable):
            pass
        _settled(target.parent)


def _placed(fresh: Path, target: Path, path: str | Path, replaceable: Callable[[Path], bool] | None) -> bool:
    """Whether ``fresh`` has its name; False: what was there has changed meanwhile, try again."""
    try:
        claim(fresh, target)
        return True
    except FileExistsError:
        with held(target, wait=True):
            if not os.path.lexists(target):
                return False
            if replaceable is None or not replaceable(target):
                _keep(fresh, target, path)
            return _replace(fresh, target)


def free_name(path: Path, *, first: int = 1) -> Path:
    """``path`` where nothing is there yet, else the first of ``path-2``, ``path-3``, … that is free; of files ``path-2.csv``."""
    stem, dot, ending = path.name.partition(".") if first > 1 and path.is_file() else (path.name, "", "")
    names = (path.with_name(stem + (f"-{i}" if i > 1 else "") + dot + ending) for i in count(first))
    return next(name for name in names if not os.path.lexists(name))


def _replace(fresh: Path, target: Path) -> bool:
    try:
        if exchange(fresh, target):
            remove(fresh)
            return True
        # Two steps: a kill between them leaves the old one under a hidden name, which ``recover`` puts back.
        aside = hidden(target, OLD)
        os.rename(target, aside)
    except FileNotFoundError:
        return False
    try:
        claim(fresh, target)
    except FileExistsError:  # another one came first
        return False
    finally:
        gone = hidden(target)  # under this name it is never put back, however little of it is left
        with suppress(OSError):
            if os.path.lexists(target):
                os.rename(aside, gone)
                remove(gone)
            else:
                os.rename(aside, target)
    return True


def _claim_or_keep(fresh: Path, target: Path, path: str | Path) -> None:
    try:
        claim(fresh, target)
    except FileExistsError:
        _keep(fresh, target, path)


def _keep(fresh: Path, target: Path, path: str | Path) -> None:
    """The loser of a race keeps what it made, under the next free name.

    Raises:
        TakenError: always.
    """
    while True:
        kept = free_name(target, first=2)
        try:
            claim(fresh, kept)
        except FileExistsError:
            continue
        raise TakenError(path, Path(path).with_name(kept.name) if Path(path).name == target.name else kept) from None


def _below(folder: Path) -> list[Path]:
    return [Path(at) / name for at, folders, files in os.walk(folder) for name in (*files, *folders)]


def _settled(path: Path) -> None:
    """Puts a file on the disk, or a folder's names, where the system can do that for folders.

    Raises:
        OSError: the disk refuses the file.
    """
    folder = path.is_dir()
    try:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError:
        if not folder:
            raise
