"""Renames in one step of the kernel's: one that takes a name only while it is free, one that exchanges two names."""

from __future__ import annotations

import errno
import functools
import os
from pathlib import Path
from typing import Any

_AT_FDCWD, _NOREPLACE, _EXCHANGE = -100, 1, 2  # of linux/fcntl.h and linux/fs.h
_NOT_HERE = (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP)
"""The kernel, or this file system, has no such rename."""
_NO_LINKS = (*_NOT_HERE, errno.EPERM, errno.EMLINK)
"""This file system has no hard links."""
_TAKEN = (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR, errno.EISDIR)


def claim(fresh: Path, target: Path) -> None:
    """Gives ``fresh`` the name ``target``, if nothing but an empty folder has it.

    Raises:
        FileExistsError: the name is taken.
        OSError: the disk refuses.
    """
    try:
        if fresh.is_dir():
            os.rename(fresh, target)  # POSIX: a folder takes the place of an empty one only
        elif not _renameat2(fresh, target, _NOREPLACE):
            _link(fresh, target)
    except OSError as error:
        if error.errno in _TAKEN and os.path.lexists(target):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target)) from None
        raise


def exchange(fresh: Path, target: Path) -> bool:
    """Swaps the two, both of which are there; False, with nothing done, where the system cannot."""
    return _renameat2(fresh, target, _EXCHANGE)


def _link(fresh: Path, target: Path) -> None:
    try:
        os.link(fresh, target)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY))  # the last way to claim a name; a kill here leaves it empty
        os.replace(fresh, target)
    else:
        os.unlink(fresh)


def _renameat2(source: Path, target: Path, flags: int) -> bool:
    call = _library()
    if call is None:
        return False
    import ctypes

    ctypes.set_errno(0)
    if call(_AT_FDCWD, os.fsencode(source), _AT_FDCWD, os.fsencode(target), flags) == 0:
        return True
    code = ctypes.get_errno()
    if code in _NOT_HERE:
        return False
    raise OSError(code, os.strerror(code), str(source), None, str(target))


@functools.cache
def _library() -> Any:
    """The C library's ``renameat2``; None where it has none (macOS, Windows, old systems)."""
    try:
        import ctypes

        found = ctypes.CDLL(None, use_errno=True).renameat2
        found.argtypes = [ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint]
        return found
    except (ImportError, OSError, TypeError, AttributeError):
        return None
