"""Names and labels that a NetCDF file can hold, and that are distinct for xarray."""

from __future__ import annotations

from collections.abc import Collection, Iterable


def label(text: object) -> str:
    """As the file can hold it: HDF5 ends a text at its first NUL, and UTF-8 has no lone surrogates."""
    return str(text).replace("\0", "�").encode(errors="replace").decode()


def distinct(labels: Iterable[object]) -> list[str]:
    """One label a row, none twice: the second ``r1`` is ``r1 (2)``, so that a row can be selected by its label."""
    found: list[str] = []
    seen: set[str] = set()
    counts: dict[str, int] = {}
    for text in map(label, labels):
        name = text
        while name in seen:
            counts[text] = counts.get(text, 1) + 1
            name = f"{text} ({counts[text]})"
        seen.add(name)
        found.append(name)
    return found


def variable(name: str, taken: Collection[str]) -> str:
    """A name for a variable: no slash, which parts groups in a file, no NUL, and none of the names of ``taken``.

    A column called ``row`` becomes ``row_``: under its own name xarray would take it for the labels of the rows.
    """
    found = label(name).replace("/", "∕").strip() or "_"
    while found in taken:
        found += "_"
    return found
