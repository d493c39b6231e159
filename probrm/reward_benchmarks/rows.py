"""Rows of a published file, checked: texts, lists of texts, prompts that are text or chats."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from probrm.data.files.hints import listed, shown
from probrm.data.files.json_values import BrokenJson, parse
from probrm.data.files.tables import read_table
from probrm.errors import DataError


@dataclass(frozen=True)
class Row:
    """One row of a file.

    Attributes:
        source: the file.
        number: of the row, from 1.
        values: by column.
    """

    source: str
    number: int
    values: Mapping[str, Any]

    def error(self, column: str, found: object, allowed: str) -> DataError:
        """The error for a value."""
        said = "it is missing" if found is None else f"found {shown(found)}"
        return DataError(
            f"{self.source}, row {self.number}, column {column!r}: {said}; allowed: {allowed}",
            fix="get the published file again, or correct this row",
        )

    def text(self, column: str) -> str:
        """A text; it may be empty, as some published responses are."""
        value = self.values.get(column)
        if not isinstance(value, str):
            raise self.error(column, value, "text")
        return value

    def name(self, column: str) -> str:
        """A text that is not blank."""
        value = self.text(column)
        if not value.strip():
            raise self.error(column, value, "a name")
        return value.strip()

    def texts(self, column: str, *, exactly: int | None = None) -> tuple[str, ...]:
        """A list of texts, or JSON text of one; not empty."""
        value = _parsed(self.values.get(column), "[")
        allowed = "a list of at least one text" if exactly is None else f"a list of {exactly} texts"
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            raise self.error(column, value, allowed)
        if not value or (exactly is not None and len(value) != exactly):
            raise self.error(column, f"{len(value)} texts" if value else "an empty list", allowed)
        return tuple(value)

    def member(self, column: str, key: str) -> str:
        """The text at ``key`` of an object."""
        return self._member(column, _parsed(self.values.get(column), "{"), key)

    def members(self, column: str, key: str) -> tuple[str, ...]:
        """The texts at ``key`` of a list of objects; not empty."""
        value = _parsed(self.values.get(column), "[")
        if not isinstance(value, list) or not value:
            raise self.error(column, value, f"a list of at least one object with the text {key!r}")
        return tuple(self._member(column, one, key) for one in value)

    def _member(self, column: str, value: Any, key: str) -> str:
        if not isinstance(value, dict) or not isinstance(value.get(key), str):
            raise self.error(column, value, f"an object with the text {key!r}")
        return value[key]

    def prompt(self, column: str) -> tuple[tuple[str, str], ...] | str:
        """A prompt: text, or a list of {role, content}."""
        value = self.values.get(column)
        messages = value if isinstance(value, list) else _parsed(value, "[{")
        if isinstance(messages, list) and messages and all(_is_message(one) for one in messages):
            return tuple((one["role"], one["content"]) for one in messages)
        if not isinstance(value, str) or not value.strip():
            raise self.error(column, value, "text, or a list of {role, content}")
        return value


def read_rows(source: str, form: Mapping[str, str], *, optional: Collection[str] = ()) -> Iterator[Row]:
    """The rows of a file that must have the published columns.

    Args:
        source: as for ``read_table``.
        form: the published columns with what they hold, for the message and for the check.
        optional: which of them are read where they are there.

    Raises:
        DataError: the file cannot be read, or lacks a column.
    """
    table = read_table(source, texts=[name for name, what in form.items() if what == "text"])
    missing = [name for name in form if name not in table.column_names and name not in optional]
    if missing:
        raise DataError(
            f"{source}: there is no column {listed(map(repr, missing))}; found: {listed(table.column_names)}; "
            f"the published form has {', '.join(f'{name} ({what})' for name, what in form.items())}",
            fix="get the published file, or name its benchmark with --benchmark",
        )
    kept = table.select([name for name in form if name in table.column_names])
    for number, values in enumerate(kept.to_pylist(), start=1):
        yield Row(source, number, values)


def _parsed(value: Any, start: str) -> Any:
    """JSON text of a list or an object, as CSV files have it and as JSON files are read whose objects differ in type."""
    if not isinstance(value, str) or not value.replace(" ", "").startswith(start):
        return value
    try:
        return parse(value)
    except BrokenJson:
        return value


def _is_message(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("role"), str) and isinstance(value.get("content"), str)
