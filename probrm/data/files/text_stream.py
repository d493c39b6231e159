"""The text of a file as UTF-8 that is sure to be UTF-8: every reader of CSV and JSON gets its bytes from here."""

from __future__ import annotations

import codecs
import io
from typing import Any

from probrm.data.files.opening import open_bytes
from probrm.errors import DataError

_CHUNK = 1 << 20
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # begins with the mark of UTF-16
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_LATIN = "iconv -f WINDOWS-1252 -t UTF-8 old > new (or from what else it is in)"
_KINDS = (
    (b"PAR1", "a Parquet file", "give it the ending .parquet"),
    (b"\x1f\x8b", "compressed by gzip", "give it the ending .gz as well: data.csv.gz"),
    (b"\x28\xb5\x2f\xfd", "compressed by zstd", "give it the ending .zst as well: data.csv.zst"),
    (b"PK\x03\x04", "a ZIP archive or a spreadsheet", "unpack it, or save the sheet as CSV (UTF-8)"),
    (b"BZh", "compressed by bzip2", "unpack it: bunzip2 FILE"),
    (b"\xfd7zXZ\x00", "compressed by xz", "unpack it: unxz FILE"),
    (b"ARROW1\x00\x00", "an Arrow file", "write it as Parquet"),
    (b"SQLite format 3\x00", "an SQLite data base", "write the table as CSV"),
    (b"%PDF-", "a PDF", "give a table"),
)
"""How files begin that are no text, what they are, and what to do."""


class TextBytes(io.RawIOBase):
    """A file's text as UTF-8 bytes without a byte order mark, checked before they are handed on.

    Text in UTF-16 or UTF-32 is recoded where a byte order mark says so. Other bytes that are no UTF-8, and NUL bytes, which no text
    has, raise ``DataError`` when they are read, with the file and the line.
    """

    def __init__(self, path: str, source: str) -> None:
        self._source = source
        self._stream = open_bytes(path)
        self._at = self._lines = 0
        try:
            first = self._stream.read(_CHUNK)
            for start, what, fix in _KINDS:
                if first.startswith(start):
                    raise DataError(f"{source}: it is no text but {what}", fix=fix)
            mark, self._name = next(((mark, name) for mark, name in _MARKS if first.startswith(mark)), (b"", "utf-8"))
            if not mark and (guess := _without_mark(first[:4096])):
                raise self._not_utf8(f"it looks like {guess.upper()} without a byte order mark", f"iconv -f {guess} -t utf-8 old > new")
            self._decoder = codecs.getincrementaldecoder(self._name)()
            self._ready = self._checked(first[len(mark) :], end=not first)
        except BaseException:
            self._stream.close()
            raise

    def readable(self) -> bool:
        """Yes."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fills all of ``buffer`` but at the end."""
        view, filled = memoryview(buffer).cast("B"), 0
        while filled < len(view) and (self._at < len(self._ready) or self._next()):
            piece = self._ready[self._at : self._at + len(view) - filled]
            view[filled : filled + len(piece)] = piece
            filled, self._at = filled + len(piece), self._at + len(piece)
        return filled

    def close(self) -> None:
        """Closes the file."""
        if not self.closed:
            self._stream.close()
        super().close()

    def _next(self) -> bool:
        self._ready, self._at = b"", 0
        while not self._ready and (chunk := self._stream.read(_CHUNK)):
            self._ready = self._checked(chunk, end=False)
        if not self._ready:
            self._checked(b"", end=True)
        return bool(self._ready)

    def _checked(self, chunk: bytes, *, end: bool) -> bytes:
        """The characters that end in this chunk; the beginning of one that does not is kept for the next."""
        kept = self._decoder.getstate()[0]
        if self._name == "utf-8" and not kept and chunk.isascii():
            found = chunk
        else:
            try:
                text = self._decoder.decode(chunk, end)
            except UnicodeDecodeError as error:
                line = self._lines + error.object.count(b"\n", 0, error.start) + 1
                if self._name != "utf-8":
                    raise self._not_utf8(f"it begins as {self._name.upper()} and is broken here", "", line) from None
                raise self._not_utf8(f"found the byte 0x{error.object[error.start]:02x}", _LATIN, line) from None
            whole = len(kept) + len(chunk) - len(self._decoder.getstate()[0])
            found = (kept + chunk)[:whole] if self._name == "utf-8" else text.encode()
        if (at := found.find(b"\0")) >= 0:
            line = self._lines + found.count(b"\n", 0, at) + 1
            fix = "the file is damaged, or no text: make or copy it again"
            raise DataError(f"{self._source}, line {line}: found a NUL byte, which no text has", fix=fix)
        self._lines += found.count(b"\n")
        return found

    def _not_utf8(self, what: str, command: str, line: int | None = None) -> DataError:
        where = self._source if line is None else f"{self._source}, line {line}"
        example = f", for example: {command}" if command else ""
        return DataError(f"{where}: the text is not UTF-8 ({what})", fix=f"save it as UTF-8{example}")


def open_text(path: str, source: str | None = None) -> io.TextIOWrapper:
    """Unpacked UTF-8 text, its line ends as they are. Reading raises ``DataError`` at what is no text.

    Args:
        path: the file.
        source: what messages call it; None: its path.
    """
    return io.TextIOWrapper(io.BufferedReader(TextBytes(path, source or path), _CHUNK), encoding="utf-8", newline="")


def _without_mark(start: bytes) -> str | None:
    """``utf-16-le`` and the like, where a tenth is NUL bytes, and they stand as such text has them."""
    zeros = [start[place::4].count(0) for place in range(4)]
    if 10 * sum(zeros) < len(start):
        return None
    if zeros[3] and zeros[2] and not zeros[0]:
        return "utf-32-le"
    if zeros[0] and zeros[1] and not zeros[3]:
        return "utf-32-be"
    if not zeros[0] and not zeros[2]:
        return "utf-16-le"
    return "utf-16-be" if not zeros[1] and not zeros[3] else None
