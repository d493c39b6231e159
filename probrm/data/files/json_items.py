"""The objects of a JSON file one by one, read strictly: lines, one list, or objects over several lines."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from typing import Any

from probrm.data.files.json_values import BrokenJson, Reader, parse
from probrm.data.files.text_stream import open_text
from probrm.errors import DataError

_SPACE = re.compile(r"[ \t\r\n]*")
_LINE = "each line holds one JSON object and nothing else: correct or remove this line"
_WHOLE = "check the file, which may be cut short, or write one JSON object a line (.jsonl)"


def first_sign(path: str, source: str) -> str:
    """The first character that is no white space.

    Raises:
        DataError: there is none, or the file is no text.
    """
    with open_text(path, source) as file:
        while text := file.read(1 << 16):
            if found := text.lstrip():
                return found[0]
    raise DataError(f"{source}: there is nothing in it but white space", fix="check how the file was made")


def objects(path: str, source: str, reader: Reader | None = None) -> Iterator[dict[str, Any]]:
    """All objects in their order.

    Args:
        path: the file.
        source: what messages call it.
        reader: reads the values, and counts what they are made of.

    Raises:
        DataError: names the line, or in a list the row, of what is no object or no JSON.
    """
    reader = Reader() if reader is None else reader
    if first_sign(path, source) == "[":
        return _listed(path, source, reader)
    return _lines(path, source, reader) if _by_line(path, source) else _over_lines(path, source, reader)


def _by_line(path: str, source: str) -> bool:
    """Whether an object a line is meant: the first one is one, or the next begins as one."""
    with open_text(path, source) as file:
        first, *more = islice((line.strip() for line in file if not line.isspace()), 2)
    try:
        parse(first)
    except BrokenJson:
        return not first.startswith("{") or not more or more[0].startswith("{")
    return True


def _lines(path: str, source: str, reader: Reader) -> Iterator[dict[str, Any]]:
    with open_text(path, source) as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                row = reader.only(line)
            except BrokenJson as error:
                what = str(error).replace(": line 1 column", " at column")
                raise DataError(f"{source}, line {number}: broken JSON ({what}): {_short(line)}", fix=_LINE) from error
            if not isinstance(row, dict):
                raise DataError(f"{source}, line {number}: found {_short(line)}, not a JSON object", fix=_LINE)
            yield row


def _listed(path: str, source: str, reader: Reader) -> Iterator[dict[str, Any]]:
    """The rows of one list; what follows it is no part of it."""
    with open_text(path, source) as file:
        text = file.read()
    at, number = _skip(text, text.index("[") + 1), 0
    while text[at : at + 1] != "]" or number:
        number += 1
        try:
            row, end = reader.value(text, at)
        except BrokenJson as error:
            raise DataError(f"{source}, row {number}: broken JSON ({error})", fix=_WHOLE) from error
        if not isinstance(row, dict):
            raise DataError(f"{source}, row {number}: found {_short(text[at:end])}, not a JSON object", fix='write {"prompt": …} a row')
        yield row
        at = _skip(text, end)
        if text[at : at + 1] == "]":
            break
        if text[at : at + 1] != ",":
            found = _short(text[at : at + 60]) or "the end of the file"
            raise DataError(f"{source}, row {number}: broken JSON (found {found} after it; allowed: a comma, or ])", fix=_WHOLE)
        at = _skip(text, at + 1)
    if rest := _short(text[at + 1 : at + 200]):
        raise DataError(f"{source}: broken JSON (found {rest} after the end of the list)", fix="put all rows into one list, or one a line")


def _over_lines(path: str, source: str, reader: Reader) -> Iterator[dict[str, Any]]:
    """Objects that are written over several lines, one after the other."""
    with open_text(path, source) as file:
        text = file.read()
    at, number = _skip(text, 0), 0
    while at < len(text):
        number += 1
        try:
            row, end = reader.value(text, at)
        except BrokenJson as error:
            raise DataError(f"{source}, row {number}: broken JSON ({error})", fix=_WHOLE) from error
        if not isinstance(row, dict):
            raise DataError(f"{source}, row {number}: found {_short(text[at:end])}, not a JSON object", fix=_WHOLE)
        yield row
        at = _skip(text, end)


def _skip(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return at if found is None else found.end()


def _short(text: str, length: int = 60) -> str:
    text = " ".join(text[: 10 * length].split())
    return text if len(text) <= length else text[: length - 1] + "…"
