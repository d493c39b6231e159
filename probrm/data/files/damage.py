"""What reading a damaged file raises, in one message."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import contextmanager

import pyarrow as pa

from probrm.data.files.memory import within_memory
from probrm.errors import DataError

DAMAGED = (pa.ArrowException, OSError, EOFError, zlib.error, UnicodeDecodeError, RecursionError, OverflowError)
"""What the readers of a damaged file raise; a gzip alone can be damaged in three ways."""


@contextmanager
def told(source: str, kind: str) -> Iterator[None]:
    """Turns what reading a file raises into words.

    Args:
        source: the file, for messages.
        kind: of the file, for messages.

    Raises:
        DataError: it is missing, may not be read, is damaged, or there is too little memory.
    """
    try:
        with within_memory(source):
            yield
    except PermissionError as error:
        raise DataError(f"{source}: you may not read this file", fix=f"chmod u+r {source}") from error
    except FileNotFoundError as error:
        raise DataError(f"{source}: there is no such file", fix="check the address") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{source}: the name of a column is not UTF-8 ({error.object!r:.60})", fix="rename it") from error
    except DAMAGED as error:
        if "UTF8" in str(error):
            raise DataError(f"{source}: a text in it is not UTF-8", fix="write the texts as UTF-8, or bytes as binary columns") from error
        raise DataError(
            f"{source}: cannot be read as {kind} ({first_line(error)})", fix="the file is damaged or cut short: make or copy it again"
        ) from error


def first_line(error: BaseException, length: int = 300) -> str:
    """What an error says, in a line that can be shown."""
    lines = str(error).strip().splitlines()
    said = lines[0].removesuffix(".") if lines else type(error).__name__
    return said if len(said) <= length else said[: length - 1] + "…"
