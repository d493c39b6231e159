"""Texts from files, names and flags as a terminal may show them: no character that it would obey, and no more than a person reads."""

from __future__ import annotations

LONGEST = 2_000
"""Characters of a line; names and values in messages are short unless somebody made them long."""
_KEPT = "\u200c\u200d"
"""Joiners, which many scripts and emoji are written with and which move nothing."""


def plain(text: object, *, lines: bool = False, longest: int = LONGEST) -> str:
    r"""The text with what is not printable as Python writes it (``\x1b``, ``\x9b``, ``\u202e``, ``\n``), cut in the middle where it is too long.

    Escape sequences would colour, move or rename a terminal, and marks of direction show a name backwards; a line break could begin a line
    that looks like one of ours.

    Args:
        text: any.
        lines: whether line breaks are ours and stay; each line is cut by itself.
        longest: characters of a line.
    """
    found = str(text)
    if lines:
        return "\n".join(plain(line, longest=longest) for line in found.split("\n"))
    if len(found) > longest:
        head, tail = longest * 3 // 4, longest // 4
        found = f"{found[:head]} […{len(found) - head - tail:,} characters…] {found[-tail:]}"
    return found if found.isprintable() else "".join(map(_shown, found))


def _shown(one: str) -> str:
    if one.isprintable() or one in _KEPT or (one.isspace() and one not in "\n\r\v\f\x1c\x1d\x1e\x1f\x85\u2028\u2029"):
        return one  # spaces of all widths, the tabulator
    return repr(one)[1:-1]
