"""Columns within columns: ``info.post`` and ``summaries[0].text``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from probrm.data.columns.paths import array_of
from probrm.data.files.json_values import BrokenJson, parse

_STEP = re.compile(r"([^.\[\]]+)|\[(\d+)\]")


def holds_path(table: pa.Table, path: str) -> bool:
    """Whether a path leads anywhere in some of the first rows; ``a|b`` is the first of two that does, ``a+b`` is ``a`` and perhaps ``b``."""
    return any(_holds(table, one.split("+")[0]) for one in path.split("|"))


def column_at(table: pa.Table, path: str) -> pa.ChunkedArray:
    """The values at a path, missing where it leads nowhere. Of ``a|b`` the first that is there; ``a+b`` are two texts with an empty line between."""
    if path in table.column_names:
        return table.column(path)
    found: list[Any] = [None] * table.num_rows
    for one in path.split("|"):
        parts = [_values(table, part) for part in one.split("+")]
        joined = parts[0] if len(parts) == 1 else ["\n\n".join(filter(None, texts)) or None for texts in zip(*parts, strict=True)]
        found = [new if old is None or old == "" else old for old, new in zip(found, joined, strict=True)]
    return array_of(found, path)


def heads(path: str) -> list[str]:
    """The columns that a path starts from, and the path itself, which may be the name of a column."""
    return [path, *(str(_steps(part)[0]) for one in path.split("|") for part in one.split("+") if _steps(part))]


def _holds(table: pa.Table, path: str) -> bool:
    if path in table.column_names:
        return True
    steps = _steps(path)
    return len(steps) > 1 and steps[0] in table.column_names and any(value is not None for value in _values(table.slice(0, 50), path))


def _values(table: pa.Table, path: str) -> list[Any]:
    if path in table.column_names:
        return table.column(path).to_pylist()
    head, *steps = _steps(path)
    if head not in table.column_names:
        return [None] * table.num_rows
    return [_walk(value, steps) for value in table.column(str(head)).to_pylist()]


def _walk(value: Any, steps: list[str | int]) -> Any:
    value = parsed(value)
    for step in steps:
        value = _step(value, step)
    return value


def _step(value: Any, step: str | int) -> Any:
    if isinstance(step, int) or (isinstance(value, list) and step.isdigit()):
        step = int(step)
        return value[step] if isinstance(value, list) and len(value) > step else None
    return value.get(step) if isinstance(value, Mapping) else None


def parsed(value: Any) -> Any:
    """What JSON text of a list or an object holds, as CSV files have it; other values as they are."""
    if not isinstance(value, str) or value.lstrip()[:1] not in ("{", "["):
        return value
    try:
        return parse(value)
    except BrokenJson:
        return value


def _steps(path: str) -> list[str | int]:
    return [name or int(number) for name, number in _STEP.findall(path)]
