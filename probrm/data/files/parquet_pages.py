"""The pages of a Parquet file as their own headers describe them, which is what its reader goes by and takes memory for.

The sizes in the file's footer are only said: a page of a few bytes may unpack to two gigabytes, and one that holds nothing but positions
in a dictionary may stand for any number of long texts.

Source: https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift and Thrift's compact protocol.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

_DICTIONARY_PAGE = 2
_DATA, _DICTIONARY, _DATA_V2 = 5, 7, 8
PLAIN_DICTIONARY, DELTA_BYTE_ARRAY, RLE_DICTIONARY = 2, 7, 8
"""Encodings whose values may be longer than what is written of them."""
_FIRST, _MOST = 1 << 10, 1 << 24
"""Bytes that a header takes, with the statistics in it."""
_DEEPEST = 20


class Seekable(Protocol):
    """A file of bytes."""

    def seek(self, at: int, /) -> Any:
        """Goes to a place."""

    def read(self, count: int, /) -> bytes:
        """What is there."""
        ...


@dataclass(frozen=True)
class Page:
    """One page.

    Attributes:
        values: how many it has; of a dictionary, its entries.
        size: bytes once unpacked.
        encoding: of its values; None of a dictionary.
    """

    values: int
    size: int
    encoding: int | None


class NoPage(ValueError):
    """The bytes are no header of a page; the message goes on after "no page"."""


def pages(file: Seekable, start: int, values: int) -> Iterator[Page]:
    """The pages of one column in one row group.

    Args:
        file: the Parquet file.
        start: where the first one begins.
        values: how many the footer says that there are; reading ends with them.

    Raises:
        NoPage: what is there is no page.
    """
    seen = 0
    while seen < values:
        header, length = _header(file, start)
        kind, size, packed = (_count(header, field) for field in (1, 2, 3))
        start += length + packed
        if kind == _DICTIONARY_PAGE:
            yield Page(_count(header.get(_DICTIONARY), 1), size, None)
            continue
        data, second = header.get(_DATA), header.get(_DATA_V2)
        if data is None and second is None:  # an index
            continue
        page = Page(_count(data or second, 1), size, _count(data, 2) if data else _count(second, 4))
        seen += page.values
        yield page


def _count(header: Any, field: int) -> int:
    found = header.get(field) if isinstance(header, dict) else None
    if not isinstance(found, int) or isinstance(found, bool) or found < 0:
        raise NoPage("that says how long it is")
    return found


def _header(file: Seekable, start: int) -> tuple[dict[int, Any], int]:
    count = _FIRST
    while True:
        file.seek(start)
        data = file.read(count)
        try:
            compact = _Compact(data)
            return compact.struct(), compact.at
        except IndexError:
            if len(data) < count or count > _MOST:
                raise NoPage(f"at byte {start:,}") from None
            count *= 32


class _Compact:
    """Reads Thrift's compact protocol; texts and lists are passed over."""

    def __init__(self, data: bytes) -> None:
        self._data, self.at = data, 0

    def struct(self, depth: int = 0) -> dict[int, Any]:
        found: dict[int, Any] = {}
        field = 0
        while kind := self._byte():
            field = field + (kind >> 4) if kind >> 4 else self._number()
            found[field] = self._value(kind & 0x0F, depth)
        return found

    def _value(self, kind: int, depth: int) -> Any:
        if depth > _DEEPEST:
            raise NoPage("whose header is flat")
        if kind in (1, 2):
            return kind == 1
        if kind == 3:
            return self._byte()
        if kind in (4, 5, 6):
            return self._number()
        if kind == 7:
            return self._skip(8)
        if kind == 8:
            return self._skip(self._varint())
        if kind in (9, 10):
            head = self._byte()
            for _ in range(self._varint() if head >> 4 == 15 else head >> 4):
                self._value(head & 0x0F, depth + 1) if head & 0x0F > 2 else self._byte()
            return None
        if kind == 12:
            return self.struct(depth + 1)
        raise NoPage("whose header can be read")

    def _byte(self) -> int:
        self.at += 1
        return self._data[self.at - 1]

    def _skip(self, count: int) -> None:
        self.at += count
        if self.at > len(self._data):
            raise IndexError

    def _varint(self) -> int:
        found = shift = 0
        while True:
            byte = self._byte()
            found |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return found
            if shift > 70:
                raise NoPage("whose header can be read")

    def _number(self) -> int:
        found = self._varint()
        return (found >> 1) ^ -(found & 1)
