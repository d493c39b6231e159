"""The parts of very long texts that can be kept, so that a text of millions of characters is not tokenised for a few hundred tokens."""

from __future__ import annotations

from collections.abc import Callable

_PER_TOKEN = 64
"""Characters of a part for each token that may be kept; most tokens have three or four."""
_SPARE = 2
"""Tokens that a part must have for each that may be kept: those next to the cut may differ, and are not kept."""
_LARGER = 8
_PROBE = 16

Tokenize = Callable[[list[str]], list[list[int]]]
Side = tuple[str, bool]
"""A text, and whether its end is kept, as a prompt's is, rather than its beginning."""


class LongTexts:
    """Tokenises texts of which at most ``most`` tokens are kept, at their end or at their beginning.

    Texts are cut at white space alone. Tokenizers take words one by one, so all tokens but those next to the cut are those of the whole
    text; there is one spare token for each that may be kept. Where a part has fewer (white space that is dropped, words that become one
    unknown token) a larger one is taken. A tokenizer for which this does not hold is found out on the first long text, and gets
    all texts whole.
    """

    def __init__(self, tokenize: Tokenize, most: int) -> None:
        self._tokenize, self._most = tokenize, most
        self._cuts: bool | None = None

    def __call__(self, sides: set[Side]) -> dict[Side, list[int]]:
        """Token ids of each: all of them, or those of a part that holds every one that can be kept."""
        found: dict[Side, list[int]] = {}
        size, left = _PER_TOKEN * self._most, sides
        while left:
            parts = {side: self._part(side, size) for side in left}
            order = sorted(set(parts.values()))
            tokens = dict(zip(order, self._tokenize(order), strict=True)) if order else {}
            found |= {side: tokens[part] for side, part in parts.items()}
            left = {side for side, part in parts.items() if len(part) < len(side[0]) and len(tokens[part]) < _SPARE * self._most}
            size *= _LARGER
        return found

    def _part(self, side: Side, size: int) -> str:
        text, end = side
        if len(text) <= size:
            return text
        if self._cuts is None:
            self._cuts = self._holds(text)
        return cut(text, size, end=end) if self._cuts else text

    def _holds(self, text: str) -> bool:
        """Whether some of a text has the same tokens cut and whole."""
        size = _PROBE * self._most
        sample = text[: 2 * size]
        parts = [cut(sample, size, end=False), cut(sample, size, end=True)]
        whole, head, tail = self._tokenize([sample, *parts])
        half = min(len(head), len(tail)) // 2
        return whole[:half] == head[:half] and whole[len(whole) - half :] == tail[len(tail) - half :]


def cut(text: str, size: int, *, end: bool) -> str:
    """About ``size`` characters of a longer text, at its end or at its beginning, cut at white space; all of it where there is none."""
    if end:
        start = len(text) - size
        at = next((at for at in range(start, len(text) - size // 2) if text[at].isspace()), None)
        return text if at is None else text[at:]
    at = next((at for at in range(size, size // 2, -1) if text[at].isspace()), None)
    return text if at is None else text[:at]
