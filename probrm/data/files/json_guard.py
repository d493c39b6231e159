"""What Arrow's reader of JSON lines is given: lines that it reads as they are meant, and that do not end the process."""

from __future__ import annotations

import re

import numpy as np

from probrm.data.files.json_values import MAX_DEPTH, depth_of
from probrm.data.files.memory import available
from probrm.data.files.text_stream import TextBytes
from probrm.errors import DataError

_CHUNK = 1 << 22
_LONGEST = 1 << 28
_NO_OBJECT = re.compile(rb"\n[ \t\r]*[^{ \t\r\n]")
_MISSING_ROW = re.compile(rb"\}[ \t\r,]*null")
_SPACED = re.compile(rb'"[ \t\r\n]+:')
_PER_CELL = 9
"""Bytes of a missing number."""
_MANY = 100_000


class NotPlain(Exception):
    """The lines are to be read one by one: one is no object by itself, or they have so many keys that most cells would be missing."""


class PlainLines:
    """A file's lines for ``pyarrow.PythonFile``, some at a time, looked at before they are handed on.

    Arrow reads a line that is ``null`` as a row, or crashes; it crashes on values nested some thousands deep; and it makes a cell of
    every key for every object, so that objects with keys of their own take memory that grows with the square of the file.

    ``read`` raises ``NotPlain`` at lines that are not one object each, ``DataError`` at those nested too deeply or too long.
    """

    closed = False

    def __init__(self, path: str, source: str) -> None:
        self._source, self._text = source, TextBytes(path, source)
        self._ready, self._at, self._rest = b"", 0, b""
        self._lines = self._objects = 0
        self._names: set[bytes] = set()
        self._budget = available() // 2

    def read(self, count: int = -1) -> bytes:
        """At most ``count`` bytes; none at the end."""
        if self._at == len(self._ready):
            self._ready, self._at = self._more(), 0
        piece = self._ready[self._at : self._at + count if count >= 0 else None]
        self._at += len(piece)
        return piece

    def close(self) -> None:
        """Closes the file."""
        self.closed = True
        self._text.close()

    def _more(self) -> bytes:
        """Whole lines, about four megabytes of them."""
        parts, length = [self._rest], len(self._rest)
        while chunk := self._text.read(_CHUNK):
            end = chunk.rfind(b"\n") + 1
            if end:
                self._rest = chunk[end:]
                return self._looked_at(b"".join([*parts, chunk[:end]]))
            parts.append(chunk)
            length += len(chunk)
            if length > _LONGEST:
                raise DataError(
                    f"{self._source}, line {self._lines + 1}: it is longer than {_LONGEST >> 20} MB",
                    fix="each line holds one JSON object: is it a JSON list, or are line breaks missing?",
                )
        self._rest = b""
        last = b"".join(parts)
        return self._looked_at(last + b"\n") if last else b""

    def _looked_at(self, lines: bytes) -> bytes:
        self._check_lines(lines)
        self._check_depth(lines)
        self._check_keys(lines)
        self._lines += lines.count(b"\n")
        return lines

    @staticmethod
    def _check_lines(lines: bytes) -> None:
        """Every line begins and ends as an object, so that depth is counted line by line."""
        ends = lines.count(b"}\n") + lines.count(b"}\r\n")
        if ends < lines.count(b"\n") and ends < sum(1 for line in lines.split(b"\n") if line.strip()):
            raise NotPlain
        if _NO_OBJECT.search(b"\n" + lines) or _MISSING_ROW.search(lines):
            raise NotPlain

    def _check_depth(self, lines: bytes) -> None:
        signs = np.frombuffer(lines, np.uint8)
        starts = np.concatenate([[0], np.flatnonzero(signs == 10)])
        opened = np.add.reduceat((signs | 0x20) == 0x7B, starts, dtype=np.int64)  # [ and { differ from each other in that bit
        ends = np.append(starts[1:], len(lines))
        for at in np.flatnonzero(opened > MAX_DEPTH):
            if (depth := depth_of(lines[starts[at] : ends[at]])) > MAX_DEPTH:
                raise DataError(
                    f"{self._source}, line {self._lines + at + 1}: it is nested {depth:,} deep; allowed: {MAX_DEPTH}",
                    fix="write what is deeper as JSON text",
                )

    def _check_keys(self, lines: bytes) -> None:
        if _SPACED.search(lines):
            raise NotPlain
        self._objects += lines.count(b"{")
        for piece in lines.split(b'":')[:-1]:
            name = piece[piece.rfind(b'"') + 1 :]
            if name.endswith(b"\\") and (len(name) - len(name.rstrip(b"\\"))) % 2:
                continue  # an escaped quote within a text, as JSON in JSON has them
            self._names.add(name if len(name) < len(piece) and not piece.endswith(b'\\"' + name) else piece[-100:])
        if len(self._names) > _MANY or self._objects * len(self._names) * _PER_CELL > self._budget:
            raise NotPlain
