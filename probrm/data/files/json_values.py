"""JSON as it is meant: no key twice, no depth that recursion cannot follow, no half of a surrogate pair."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any

import numpy as np

MAX_DEPTH = 100
"""How deep lists and objects may lie within each other, as in Parquet. Arrow's reader of JSON ends the process some thousands deep."""
_OTHERS = bytes(code for code in range(256) if code not in b'[]{}"')
_STRING = re.compile(rb'"[^"]*"?')
_HALF = re.compile("[\ud800-\udfff]")
_HALF_WRITTEN = re.compile(r"\\u[dD][89a-fA-F]")


class BrokenJson(ValueError):
    """Text that is no JSON, or JSON that is not read; the message says why, and where where that is known."""


class Reader:
    """Reads JSON values, one after the other, and counts what they are made of.

    Attributes:
        objects: how many objects were read since ``reset``.
        names: the keys of all of them.
    """

    def __init__(self) -> None:
        self._decoder = json.JSONDecoder(object_pairs_hook=self._object)
        self.reset()

    def reset(self) -> None:
        """Forgets what was counted."""
        self.objects = 0
        self.names: set[str] = set()

    def value(self, text: str, start: int = 0) -> tuple[Any, int]:
        """The value at ``start`` of a text, and where it ends.

        Raises:
            BrokenJson: there is none, a key is there twice or is no text, it is nested too deeply or has a number of thousands of digits.
        """
        try:
            found, end = self._decoder.raw_decode(text, start)
        except json.JSONDecodeError as error:
            raise BrokenJson(str(error)) from None
        except RecursionError:
            raise BrokenJson(f"it is nested more than {MAX_DEPTH} deep") from None
        except BrokenJson:
            raise
        except ValueError as error:  # Python's own limit on whole numbers
            raise BrokenJson("a number has more digits than are read" if "digits" in str(error) else str(error)) from None
        piece = text if start == 0 and end == len(text) else text[start:end]
        if (depth := depth_of(piece)) > MAX_DEPTH:
            raise BrokenJson(f"it is nested {depth:,} deep; allowed: {MAX_DEPTH}")
        return (_whole(found) if _HALF_WRITTEN.search(piece) else found), end

    def only(self, text: str) -> Any:
        """The one value that a text holds.

        Raises:
            BrokenJson: as in ``value``, or something follows it.
        """
        start = len(text) - len(text.lstrip())
        found, end = self.value(text, start)
        rest = text[end:].strip()
        if rest:
            raise BrokenJson(f"Extra data: char {end}: {rest[:20]!r}")
        return found

    def _object(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            again = next(key for key, count in Counter(key for key, _ in pairs).items() if count > 1)
            raise BrokenJson(f"the key {again!r:.60} is there twice in one object")
        for key in found:
            if not key.isascii() and _HALF.search(key):
                raise BrokenJson(f"the key {key!r} holds half of a surrogate pair, which is no text")
        self.objects += 1
        self.names.update(found)
        return found


def parse(text: str) -> Any:
    """What JSON text holds.

    Raises:
        BrokenJson: it is none, or is not read, see ``Reader``.
    """
    return Reader().only(text)


def depth_of(text: str | bytes) -> int:
    """How deep a text is nested, or, where that is not much, a number that is not below it."""
    data = text.encode("utf-8", "replace") if isinstance(text, str) else text
    opened = data.count(b"[") + data.count(b"{")
    if opened <= MAX_DEPTH:
        return opened
    signs = data.replace(b"\\\\", b"").replace(b'\\"', b"").translate(None, _OTHERS)
    signs = _STRING.sub(b"", signs)
    steps = np.where(np.isin(np.frombuffer(signs, np.uint8), list(b"[{")), 1, -1)
    return int(np.cumsum(steps).max(initial=0))


def _whole(value: Any) -> Any:
    """Halves of surrogate pairs, as cutting a text in JavaScript leaves them, as question marks."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, list):
        return [_whole(one) for one in value]
    if isinstance(value, dict):
        return {key: _whole(one) for key, one in value.items()}
    return value
