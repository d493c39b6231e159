"""Columns inside of columns: ``feedback.rating`` of a struct, a map, a list, or JSON text."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

import pyarrow as pa

from probrm.data.files.arrow import is_list, is_text, kernels
from probrm.data.files.json_values import BrokenJson, parse
from probrm.errors import DataError

_INDEX = re.compile(r"\[(-?\d+)\]")


def with_paths(table: pa.Table, names: Iterable[str]) -> pa.Table:
    """The table, and behind its columns those that ``names`` reach with dots; a column whose own name has dots goes first.

    What is not there is left out: whoever asks for it says so. A number is a place in a list: ``messages.0.content``, ``messages[0].content``.
    """
    for name in dict.fromkeys(names):
        if is_path(name) and name not in table.column_names and (values := _reach(table, name)) is not None:
            table = table.append_column(name, values)
    return table


def is_path(name: str) -> bool:
    """Whether a name leads into a column, unless a column is called so."""
    return "." in name or _INDEX.search(name) is not None


def nested_names(table: pa.Table, most: int = 200) -> list[str]:
    """Dotted names of what lies inside of the table's struct columns, for hints."""
    found: list[str] = []
    for field in table.schema:
        found.extend(_leaves(field.name, field.type))
    return found[:most]


def _leaves(name: str, kind: pa.DataType) -> Iterator[str]:
    if pa.types.is_struct(kind):
        for i in range(kind.num_fields):
            inner = f"{name}.{kind.field(i).name}"
            yield inner
            yield from _leaves(inner, kind.field(i).type)


def _reach(table: pa.Table, name: str) -> pa.ChunkedArray | None:
    """The longest column name that begins the path, then step by step."""
    parts = _INDEX.sub(r".\1", name).split(".")
    for split in range(len(parts) - 1, 0, -1):
        head = ".".join(parts[:split])
        if head in table.column_names:
            values = table.column(head)
            return _follow(values, parts[split:], name)
    return None


def _follow(values: pa.ChunkedArray, steps: list[str], name: str) -> pa.ChunkedArray | None:
    for i, step in enumerate(steps):
        kind = values.type
        if pa.types.is_struct(kind):
            names = [kind.field(j).name for j in range(kind.num_fields)]
            rest = ".".join(steps[i:])
            if rest in names:  # a field whose own name has dots
                return kernels.struct_field(values, [names.index(rest)])
            if step not in names:
                return None
            values = kernels.struct_field(values, [names.index(step)])
        elif (is_list(kind) and step.lstrip("-").isdigit()) or pa.types.is_map(kind):
            return array_of([_inside(value, steps[i:]) for value in values.to_pylist()], name)
        elif is_text(kind):  # JSON text, in a CSV or where rows are of several forms
            found = [_inside(_parsed(value), steps[i:]) for value in values.to_pylist()]
            return None if all(value is None for value in found) else array_of(found, name)
        else:
            return None
    return values


def _inside(value: Any, steps: list[str]) -> Any:
    """What a path leads to in plain Python; None where it leads nowhere."""
    for step in steps:
        if isinstance(value, str):
            value = _parsed(value)
        if isinstance(value, list) and value and isinstance(value[0], tuple):  # a map
            value = dict(value)
        if isinstance(value, dict):
            value = value.get(step)
        elif isinstance(value, list) and step.lstrip("-").isdigit() and -len(value) <= int(step) < len(value):
            value = value[int(step)]
        else:
            return None
    return value


def _parsed(text: str | None) -> Any:
    try:
        return parse(text or "null")
    except BrokenJson:
        return None


def array_of(values: list[Any], name: str) -> pa.ChunkedArray:
    """Values as a column; those of several kinds as JSON text, texts as they are.

    Raises:
        DataError: nested values of several kinds.
    """
    kinds = {type(value) for value in values if value is not None}
    if len(kinds) > 1 and not kinds <= {int, float}:
        values = [value if value is None or isinstance(value, str) else json.dumps(value, ensure_ascii=False) for value in values]
    try:
        return pa.chunked_array([pa.array(values)])
    except (pa.ArrowException, OverflowError) as error:
        raise DataError(
            f"the column {name!r} holds values of several kinds ({error})", fix="name a part of it that holds one kind"
        ) from error
