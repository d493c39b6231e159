"""Lines of JSON that Arrow's reader reads as they are meant, and that do not end the process."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np

from probrm.data.files.json_values import MAX_DEPTH, depth_of
from probrm.data.files.text_stream import TextBytes
from probrm.errors import DataError

_FIRST, _CHUNK, _LONGEST = 1 << 20, 1 << 24, 1 << 28
_BREAK, _OPEN, _CLOSE = 0x0A, 0x7B, 0x7D
_MISSING_ROW = re.compile(rb"\}[ \t\r]*null")
_SPACED = re.compile(rb'"[ \t\r\n]+:')


class NotPlain(Exception):
    """A line is no object by itself: the lines are to be read one by one."""


def plain_lines(path: str, source: str) -> Iterator[bytes]:
    """A file's lines, some megabytes at a time; at first one, to see what they hold.

    Arrow reads a line that is ``null`` as a row, or crashes, and it crashes on values nested some thousands deep.

    Raises:
        NotPlain: a line does not begin and end as an object.
        DataError: the file is no text; a line is nested too deeply, or too long.
    """
    before, rest, size = 0, b"", _FIRST
    with TextBytes(path, source) as text:
        while chunk := text.read(size):
            end = chunk.rfind(b"\n") + 1
            if not end:
                rest += chunk
                size = max(size, len(rest))  # as much again, so that a long line is not copied often
                if len(rest) > _LONGEST:
                    raise DataError(
                        f"{source}, line {before + 1}: it is longer than {_LONGEST >> 20} MB",
                        fix="each line holds one JSON object: is it a JSON list, or are line breaks missing?",
                    )
                continue
            lines, rest, size = rest + chunk[:end], chunk[end:], _CHUNK
            checked, count = _checked(lines, source, before)
            yield checked
            before += count
    if rest:
        yield _checked(rest + b"\n", source, before)[0]


def _checked(lines: bytes, source: str, before: int) -> tuple[bytes, int]:
    """The lines, and how many there are. Each begins and ends as an object, so that depth can be counted line by line."""
    signs = np.frombuffer(lines, np.uint8)
    breaks = np.flatnonzero(signs == _BREAK)
    starts = np.concatenate([[0], breaks[:-1] + 1])
    if not (np.all(signs[starts] == _OPEN) and np.all(signs[breaks - 1] == _CLOSE)):
        written = [line for line in lines.split(b"\n") if line.strip()]
        if not all(line.lstrip()[:1] == b"{" and line.rstrip()[-1:] == b"}" for line in written):
            raise NotPlain
    if _MISSING_ROW.search(lines):
        raise NotPlain
    opened = np.searchsorted(np.flatnonzero((signs | 0x20) == _OPEN), np.append(starts, len(lines)))  # [ and { differ in that bit alone
    for at in np.flatnonzero(np.diff(opened) > MAX_DEPTH):
        if (depth := depth_of(lines[starts[at] : breaks[at]])) > MAX_DEPTH:
            raise DataError(
                f"{source}, line {before + at + 1}: it is nested {depth:,} deep; allowed: {MAX_DEPTH}",
                fix="write what is deeper as JSON text",
            )
    return lines, len(breaks)


def keys_of(lines: bytes) -> int:
    """How many different keys the objects in some lines have, or more.

    Raises:
        NotPlain: they are written so that this is not seen.
    """
    if _SPACED.search(lines):
        raise NotPlain
    names: set[bytes] = set()
    for piece in lines.split(b'":')[:-1]:
        name = piece[piece.rfind(b'"') + 1 :]
        if name.endswith(b"\\") and (len(name) - len(name.rstrip(b"\\"))) % 2:
            continue  # an escaped quote within a text, as JSON in JSON has them
        names.add(name if len(name) < len(piece) and not piece.endswith(b'\\"' + name) else piece[-100:])
    return len(names)
