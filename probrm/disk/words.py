"""Why a disk refuses, in words, and what helps."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from probrm.errors import ProbrmError, RunError

_WORDS = {
    errno.ENOSPC: ("the disk is full", "free some space"),
    errno.EDQUOT: ("your quota of this disk is used up", "free some space of your own"),
    errno.EFBIG: ("the file is larger than allowed here, by the file system or by ulimit -f", "raise the limit"),
    errno.EROFS: ("the disk can only be read", "write to another one"),
    errno.EACCES: ("you may not write there (permission denied)", "change the permissions of the folder"),
    errno.EPERM: ("you may not write there (operation not permitted)", "change the permissions of the folder"),
    errno.ENOTDIR: ("what should be a folder on the way there is a file", "name a path through folders"),
    errno.EEXIST: ("what should be a folder on the way there is a file", "name a path through folders"),
    errno.EISDIR: ("it is a folder", "name a file"),
    errno.ENAMETOOLONG: ("the name is too long", "give a shorter name"),
    errno.ELOOP: ("it is a link that leads back to itself", "name a file or folder itself"),
    errno.EBUSY: ("it is in use by the system (a mount point, perhaps)", "name a file or folder inside it"),
    errno.EMFILE: ("too many files are open", "raise the limit (ulimit -n)"),
}


def reason(error: OSError) -> str:
    """What happened."""
    return _WORDS.get(error.errno or 0, (error.strerror or str(error), ""))[0]


def remedy(error: OSError) -> str:
    """What helps."""
    return _WORDS.get(error.errno or 0, ("", "check the disk"))[1]


def refusal(
    path: str | os.PathLike[str], error: OSError, raised: type[ProbrmError] = RunError, what: str = "cannot be written"
) -> ProbrmError:
    """The message for a file or folder that a disk did not take, or that another command put there first."""
    from probrm.disk.put import TakenError

    if isinstance(error, TakenError):
        return raised(
            f"{path}: another command has put something there meanwhile, which stays; what this one made is kept in {error.kept}",
            fix=f"use {error.kept}, or give every command that runs at the same time a name of its own",
        )
    return raised(f"{path}: {what}: {reason(error)}", fix=f"{remedy(error)}, or write elsewhere")


@contextmanager
def telling(path: str | Path, raised: type[ProbrmError] = RunError, what: str = "cannot be written") -> Iterator[None]:
    """Turns what a disk says while ``path`` is written into a message.

    Raises:
        ProbrmError: of the type ``raised``.
    """
    try:
        yield
    except OSError as error:
        raise refusal(path, error, raised, what) from None
