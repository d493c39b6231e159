"""Places to write to, looked at before the work that fills them."""

from __future__ import annotations

import errno
import os
import secrets
import stat
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from probrm.disk.words import refusal
from probrm.errors import ProbrmError, RunError


def place(path: str | os.PathLike[str]) -> Path:
    """The absolute path of what ``path`` names, a link that it is followed: so the link stays, and what it leads to is replaced."""
    full = os.path.abspath(path)  # without a slash at the end, which would hide a link
    return Path(os.path.realpath(full) if os.path.islink(full) else full)


def check_file(
    path: str | os.PathLike[str],
    *,
    overwrite: bool,
    flag: str = "--out",
    inputs: Iterable[str | os.PathLike[str]] = (),
    raised: type[ProbrmError] = RunError,
) -> None:
    """Refuses a place where a file cannot be written. Nothing is left there.

    Args:
        path: the file.
        overwrite: whether one that is there is replaced.
        flag: that named it, for messages.
        inputs: files that the command reads, which it never replaces, by whatever name.
        raised: type of the error.

    Raises:
        ProbrmError: an empty name, a link that leads nowhere, a folder, a device, a file without ``overwrite``, an input, a mount point,
            or a place that the disk refuses.
    """
    _check_name(path, flag, raised)
    if os.path.isdir(path):
        raise raised(f"{flag} {path}: it is a folder", fix="name a file in it")
    if os.path.lexists(path):
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise raised(f"{flag} {path}: it is no ordinary file (a device, a pipe or a socket)", fix="name a file")
        for source in inputs:
            if os.path.exists(source) and os.path.samefile(path, source):
                raise raised(
                    f"{flag} {path}: it is the same file as {source}, which this command reads; it is not replaced, not even with --overwrite",
                    fix="name another file",
                )
        if not overwrite:
            raise raised(f"{flag} {path}: the file exists already", fix="name another file, or replace it with --overwrite")
    _check_writable(path, flag, raised)


def check_folder_place(path: str | os.PathLike[str], flag: str = "--out", raised: type[ProbrmError] = RunError) -> None:
    """Refuses a place where a folder cannot be put in one step. Nothing is left there.

    Raises:
        ProbrmError: an empty name, a file, a link that leads nowhere, a mount point, the current folder or one above it, or a place that
            the disk refuses.
    """
    _check_name(path, flag, raised)
    if os.path.lexists(path) and not os.path.isdir(path):
        raise raised(f"{flag} {path}: it is a file", fix="name a folder that does not exist yet")
    if Path(os.getcwd()).is_relative_to(os.path.realpath(path)):
        raise raised(f"{flag} {path}: it is the current folder, or above it, and cannot be replaced", fix="name a folder in it")
    _check_writable(path, flag, raised)


def _check_name(path: str | os.PathLike[str], flag: str, raised: type[ProbrmError]) -> None:
    name = os.fspath(path)
    if not name.strip() or "\0" in name:
        raise raised(f"{flag} {name!r}: {'the name is empty' if not name.strip() else 'a name cannot hold a zero byte'}", fix="give a name")
    full = os.path.abspath(path)
    if os.path.islink(full) and not os.path.exists(full):
        try:
            os.stat(full)
        except OSError as error:
            if error.errno == errno.ELOOP:
                raise refusal(f"{flag} {path}", error, raised) from None
        leads = os.readlink(full)
        raise raised(f"{flag} {path}: it is a link to {leads}, which is not there", fix=f"name {leads} itself, or remove the link")


def _check_writable(path: str | os.PathLike[str], flag: str, raised: type[ProbrmError]) -> None:
    target = place(path)
    if _is_mount(target):
        raise raised(f"{flag} {path}: it is a mount point, which cannot be replaced in one step", fix="name a file or folder inside it")
    try:
        _try(target)
    except OSError as error:
        raise refusal(f"{flag} {path}", error, raised) from None


def _is_mount(target: Path) -> bool:
    """Whether something is mounted there, bound files and folders of the same disk included."""
    if os.path.ismount(target):
        return True
    try:
        mounts = Path("/proc/self/mountinfo").read_text(errors="surrogateescape").splitlines()
    except OSError:
        return False
    real = os.path.realpath(target)
    return any(line.split(" ")[4].replace("\\040", " ") == real for line in mounts)


def _try(target: Path) -> None:
    """Makes a file under the longest name that will be needed, with the folders above it, and removes all that again.

    Raises:
        OSError: it cannot be.
    """
    missing = [folder for folder in target.parents if not os.path.lexists(folder)]
    for attempt in range(5):
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            trial = target.with_name(f".{target.name}.{secrets.token_hex(4)}.partial")
            os.close(os.open(trial, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
            trial.unlink()
            return
        except FileNotFoundError:  # another command's trial has removed a folder that both of them had made
            if attempt == 4:
                raise
        finally:
            for folder in missing:
                with suppress(OSError):
                    folder.rmdir()
