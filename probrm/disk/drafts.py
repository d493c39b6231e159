"""What is being written: hidden files and folders beside their place, locked while their process lives, so that the dead ones are known."""

from __future__ import annotations

import errno
import os
import re
import secrets
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from probrm.disk.renames import claim
from probrm.disk.target import place

PARTIAL, OLD = ".partial", ".old"
"""Endings: what is not finished, or replaced and not yet removed; and what was set aside to be replaced, and may have to come back."""
_TRIES = 20
_NOFOLLOW = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)  # no link, and no wait for a FIFO


def hidden(target: Path, ending: str = PARTIAL) -> Path:
    """A new hidden name beside ``target``."""
    return target.with_name(f".{target.name}.{secrets.token_hex(4)}{ending}")


@contextmanager
def draft(target: Path, *, folder: bool) -> Iterator[tuple[Path, int]]:
    """A new file or folder beside ``target`` and its descriptor; what has its name at the end is removed.

    Raises:
        OSError: the disk refuses.
    """
    fresh, descriptor = next(made for i in range(_TRIES) if (made := _new(target, folder=folder, last=i == _TRIES - 1)))
    try:
        yield fresh, descriptor
    finally:
        remove(fresh)
        os.close(descriptor)


def _new(target: Path, *, folder: bool, last: bool) -> tuple[Path, int] | None:
    """A locked draft; None where another process took it for a dead one, or its folder for an empty one, before it was locked."""
    fresh = hidden(target)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if folder:
            fresh.mkdir()
        descriptor = os.open(fresh, os.O_RDONLY | _NOFOLLOW if folder else os.O_RDWR | os.O_CREAT | os.O_EXCL | _NOFOLLOW, 0o666)
    except FileNotFoundError:
        if last:
            raise
        return None
    lock(descriptor, wait=True)
    if names(descriptor, fresh) or last:
        return fresh, descriptor
    os.close(descriptor)
    return None


def remove(path: Path) -> None:
    """Removes a file or a folder; what the disk does not let go is found again by ``recover``."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()


def lock(descriptor: int, *, wait: bool = False) -> bool | None:
    """Whether the file is ours now; None where the system has no such locks. The lock ends with the process, however it ends."""
    try:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except ImportError:
        return None
    except OSError as error:
        return False if error.errno in (errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES) else None
    return True


def names(descriptor: int, path: Path) -> bool:
    """Whether ``path`` is still the file that was opened."""
    try:
        return os.path.samestat(os.fstat(descriptor), os.lstat(path))
    except OSError:
        return False


@contextmanager
def held(path: Path, *, wait: bool = False) -> Iterator[bool]:
    """Whether a file or folder is locked by this process meanwhile, and by no other; links are never opened."""
    try:
        kind = os.lstat(path).st_mode
        descriptor = os.open(path, os.O_RDONLY | _NOFOLLOW) if stat.S_ISREG(kind) or stat.S_ISDIR(kind) else -1
    except OSError:
        descriptor = -1
    if descriptor < 0:
        yield False
        return
    try:
        yield lock(descriptor, wait=wait) is True and names(descriptor, path)
    finally:
        os.close(descriptor)


def recover(path: str | Path) -> list[str]:
    """Removes what killed commands left beside ``path``, and puts back what one of them had set aside; a sentence on each.

    What a living process holds stays, and everything where the file system has no locks.
    """
    try:
        target = place(path)
        entries = sorted(os.listdir(target.parent))
    except (OSError, ValueError):
        return []
    stem, dot, rest = target.name.partition(".")
    name = (
        rf"{re.escape(stem)}(?:-\d+)?{re.escape(dot + rest)}|{re.escape(target.name)}(?:-\d+)?"  # counted names are those of ``free_name``
    )
    pattern = re.compile(rf"\.({name})\.[0-9a-f]{{8}}({re.escape(PARTIAL)}|{re.escape(OLD)})")
    found = [(target.parent / name, match) for name in entries if (match := pattern.fullmatch(name))]
    notes = []
    for left, match in sorted(found, key=lambda one: one[1][2] != OLD):
        with held(left) as dead:
            if dead:
                notes.append(_settle(left, target.with_name(match[1]), aside=match[2] == OLD))
    return notes


def set_aside(path: str | Path) -> Path | None:
    """What a killed command has set aside, which ``recover`` would put back; for those that only read."""
    target = place(path)
    pattern = re.compile(rf"\.{re.escape(target.name)}\.[0-9a-f]{{8}}{re.escape(OLD)}")
    try:
        found = sorted(name for name in os.listdir(target.parent) if pattern.fullmatch(name))
    except (OSError, ValueError):
        return None
    return target.parent / found[0] if found and not os.path.lexists(target) else None


def _settle(left: Path, target: Path, *, aside: bool) -> str:
    if aside and not os.path.lexists(target):
        with suppress(OSError):
            claim(left, target)
            return f"{target}: put back; a command that was killed had set it aside to replace it"
    remove(left)
    return f"{left}: removed; a command that was killed had left it"
