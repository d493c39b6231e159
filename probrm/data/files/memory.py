"""How much memory a file may take, and what is said of one that would take more."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import wraps
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

from probrm.errors import DataError

P = ParamSpec("P")
T = TypeVar("T")
PER_BYTE, PER_ROW = 3, 500
"""What is taken at the most while a table is read and its texts become conversations: for each byte of it, and bytes for each row."""
_FIX = "read a part of it at a time (fewer rows or columns a file), or use a machine with more memory"
_UNKNOWN = 1 << 60
_STEP = 1 << 26


def available() -> int:
    """Bytes of memory that this process may still take: by the machine, its control group and its own limit; very many where nobody says."""
    return max(0, min(_machine(), _group(), _own()))


def check_room(source: str, size: int, rows: int = 0, *, what: str = "its table would take {}", weight: int = 1) -> None:
    """Refuses what would not fit.

    Args:
        source: the file, for messages.
        size: bytes of the table or of the text that it comes from.
        rows: its rows, where they are known.
        what: what has that size, for messages.
        weight: how many times the memory of a table is taken for it.

    Raises:
        DataError: less memory is free than reading it takes.
    """
    needed, free = PER_BYTE * weight * size + PER_ROW * rows, available()
    if needed > free:
        said = what.format(in_units(size)) + (f" in {rows:,} rows" if rows else "")
        raise DataError(f"{source}: {said}; to work with that takes {in_units(needed)} of memory, and {in_units(free)} are free", fix=_FIX)


class Growing:
    """What is made of a file piece by piece, looked at at first, and whenever it has grown by 64 MB or a sixteenth of what is free.

    Args:
        source: the file, for messages.
        what: what grows, for messages, as in ``check_room``.
        weight: as there.
    """

    def __init__(self, source: str, what: str, weight: int = 1) -> None:
        self._source, self._what, self._weight = source, what, weight
        self._size = self._next = 0

    def add(self, size: int) -> None:
        """So many bytes more.

        Raises:
            DataError: all of it takes more memory than is free.
        """
        self._size += size
        if self._size > self._next:
            self._next = self._size + min(_STEP, available() // 16)
            check_room(self._source, self._size, what=self._what, weight=self._weight)


def largest_text() -> int:
    """Bytes of text that can be read with the memory that is free."""
    return available() // PER_BYTE


@contextmanager
def within_memory(source: str) -> Iterator[None]:
    """Turns a lack of memory into words.

    Raises:
        DataError: memory ran out.
    """
    try:
        yield
    except MemoryError as error:
        raise DataError(f"{source}: there is not enough memory to read it ({in_units(available())} are free)", fix=_FIX) from error


def bounded(read: Callable[Concatenate[str, P], T]) -> Callable[Concatenate[str, P], T]:
    """A reader of a source that turns a lack of memory, wherever it comes up, into ``DataError``."""

    @wraps(read)
    def inner(source: str, *args: P.args, **more: P.kwargs) -> T:
        with within_memory(source):
            return read(source, *args, **more)

    return inner


def in_units(count: int) -> str:
    """Bytes in a unit that suits: ``5.7 GB``."""
    for unit, size in (("TB", 10**12), ("GB", 10**9), ("MB", 10**6)):
        if count >= size:
            return f"{count / size:,.1f} {unit}"
    return f"{count / 1000:,.0f} kB"


def _machine() -> int:
    with suppress(OSError, ValueError, IndexError):
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    with suppress(OSError, ValueError, AttributeError):  # a Mac has no more to say
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
    return _UNKNOWN


def _group() -> int:
    """What the control groups that the process is in leave, as containers have them."""
    left = _UNKNOWN
    with suppress(OSError):
        for line in Path("/proc/self/cgroup").read_text().splitlines():
            here = Path("/sys/fs/cgroup" + line.removeprefix("0::"))
            for folder in (here, *here.parents) if line.startswith("0::") else ():
                left = min(left, _left(folder / "memory.max", folder / "memory.current", folder / "memory.stat"))
    old = Path("/sys/fs/cgroup/memory")
    return min(left, _left(old / "memory.limit_in_bytes", old / "memory.usage_in_bytes", old / "memory.stat"))


def _left(limit: Path, used: Path, parts: Path) -> int:
    with suppress(OSError, ValueError):  # no such group, or "max"
        held = dict(line.split(maxsplit=1) for line in parts.read_text().splitlines())
        return int(limit.read_text()) - int(used.read_text()) + int(held.get("inactive_file", 0))  # files in memory give way
    return _UNKNOWN


def _own() -> int:
    with suppress(ImportError, OSError, ValueError):
        import resource

        limit = resource.getrlimit(resource.RLIMIT_AS)[0]
        if limit != resource.RLIM_INFINITY:
            return limit - int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    return _UNKNOWN
