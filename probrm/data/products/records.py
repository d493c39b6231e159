"""Records of an export as Python has them, from any kind of file; JSON stays as deep as it is written."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from probrm.data.files.opening import is_remote, open_text
from probrm.data.files.parts import expand
from probrm.data.files.tables import kind_of, read_table
from probrm.data.messages import ROLES
from probrm.data.products.product import Messages, Peek
from probrm.errors import DataError, ProbrmError

_PEEK = 1 << 22


def records(source: str) -> list[dict[str, Any]]:
    """All records of a file, a folder or a glob; of one JSON object, that object alone.

    Raises:
        DataError: the source cannot be read, or a record is no object.
    """
    found: list[dict[str, Any]] = []
    parts = expand(source)
    for part in parts:
        if kind_of(Path(part)) == "json":
            found.extend(_json_records(part))
        elif kind_of(Path(part)) in ("csv", "tsv"):
            found.extend(_csv_records(part))
        else:
            found.extend(read_table(part).to_pylist())
    return found


def _csv_records(source: str) -> Iterator[dict[str, Any]]:
    """Every cell as the text that it is: ``007`` is a name and ``12`` may be an answer; an empty one is missing."""
    seen = _peek_file(source, source)
    for row in read_table(source, texts=seen.names if seen else ()).to_pylist():
        yield {name: None if value == "" else value for name, value in row.items()}


def _json_records(source: str) -> Iterator[dict[str, Any]]:
    """One object a line, read line by line; else one JSON list, or one object."""
    try:
        with open_text(source) as file:
            first = next((line for line in file if line.strip()), "")
            if _is_object(first):
                yield json.loads(first)
                for number, line in enumerate(file, start=2):
                    if line.strip():
                        yield _object(line, f"{source}, line {number}")
                return
        with open_text(source) as file:
            whole = json.load(file)
    except UnicodeDecodeError as error:
        raise DataError(f"{source}: the text is not UTF-8 ({error})", fix="convert it: iconv -f latin1 -t utf-8 old > new") from error
    except (json.JSONDecodeError, RecursionError) as error:
        raise DataError(f"{source}: broken JSON ({error})", fix="the file is damaged or cut short: export it again") from error
    for number, row in enumerate(whole if isinstance(whole, list) else [whole], start=1):
        if not isinstance(row, dict):
            raise DataError(f"{source}, row {number}: found {str(row)[:60]!r}, not a JSON object", fix="export the file again")
        yield row


def _is_object(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def _object(line: str, where: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except (json.JSONDecodeError, RecursionError) as error:
        raise DataError(f"{where}: broken JSON ({error})", fix="each line holds one JSON object: correct or remove this line") from error
    if not isinstance(row, dict):
        raise DataError(f"{where}: found {line[:60]!r}, not a JSON object", fix="each line holds one JSON object: correct or remove it")
    return row


def peek(source: str) -> Peek | None:
    """The beginning of a source; None where it cannot be looked at cheaply (a hub id, a URL, a damaged file)."""
    if is_remote(source):
        return None
    if os.path.isdir(source):
        names = sorted(os.listdir(source))
        inside = [
            *names,
            *(
                f"{name}/{inner}"
                for name in names
                if os.path.isdir(f"{source}/{name}")
                for inner in sorted(os.listdir(f"{source}/{name}"))[:3]
            ),
        ]
        first = next((name for name in inside if kind_of(Path(name)) and os.path.isfile(f"{source}/{name}")), None)
        found = peek(f"{source}/{first}") if first else None
        return Peek(source, found.first if found else {}, found.names if found else frozenset(), tuple(inside))
    try:
        parts = expand(source)
        return _peek_file(source, parts[0]) if parts else None
    except (ProbrmError, OSError, ValueError, UnicodeDecodeError):
        return None  # whoever reads it says what is the matter


def _peek_file(source: str, part: str) -> Peek | None:
    kind = kind_of(Path(part))
    if kind == "json":
        first, whole = _first_json(part)
        return Peek(source, first, frozenset(first), whole=whole)
    if kind == "parquet" and not part.endswith((".gz", ".zst")):
        import pyarrow.parquet as pq

        with pq.ParquetFile(part) as file:
            names = file.schema_arrow.names
            batch = next(file.iter_batches(batch_size=1), None)
        rows = batch.to_pylist() if batch is not None else []
        return Peek(source, rows[0] if rows else {}, frozenset(names))
    if kind in ("csv", "tsv"):
        import csv

        with open_text(part) as file:
            rows = csv.reader(file, delimiter="\t" if kind == "tsv" else ",")
            head, values = next(rows, []), next(rows, [])
        return Peek(source, dict(zip(head, values, strict=False)), frozenset(head))
    return None


def _first_json(part: str) -> tuple[dict[str, Any], bool]:
    decoder = json.JSONDecoder()
    with open_text(part) as file:
        text = file.read(_PEEK).lstrip()
    listed = text.startswith("[")
    try:
        first, end = decoder.raw_decode(text[1:].lstrip() if listed else text)
    except json.JSONDecodeError:
        return {}, False
    if not isinstance(first, dict):
        return {}, False
    whole = not listed and not text[end:].strip()
    return first, whole


def parsed(value: Any) -> Any:
    """JSON text as what it says; everything else as it is. A list of pairs, as Arrow has maps, is a mapping."""
    if isinstance(value, str) and value.strip()[:1] in ("{", "["):
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return value
    if isinstance(value, list) and value and all(isinstance(item, tuple) and len(item) == 2 for item in value):
        return dict(value)
    return value


def dig(value: Any, *path: str | int) -> Any:
    """What a path leads to, through JSON text too; None where it leads nowhere. Keys with dots may be written in one step."""
    for step in path:
        value = parsed(value)
        if isinstance(value, Mapping):
            value = value.get(step)
        elif isinstance(value, list) and isinstance(step, int) and -len(value) <= step < len(value):
            value = value[step]
        else:
            return None
    return value


_SILENT = (
    "think",
    "thinking",
    "reasoning",
    "redacted_thinking",
    "tool_call",
    "tool-call",
    "tool_use",
    "image",
    "image_url",
    "file",
    "error",
)
"""Parts of a message that are no words of the answer."""


def text_of(value: Any) -> str:
    """The text of a message's content: text as it is, parts of which those of text count, or a message; empty where there is none."""
    if isinstance(value, str):
        return value
    value = parsed(value)
    if isinstance(value, Mapping):
        if str(value.get("type", "")).lower() in _SILENT:
            return ""
        for key in ("content", "text", "value", "output", "answer", "response"):
            if value.get(key) is not None and (found := text_of(value[key])):
                return found
        return ""
    if isinstance(value, Iterable) and not isinstance(value, bytes):
        return "\n".join(filter(None, (text_of(part) for part in value)))
    return ""


def chat_of(value: Any) -> Messages:
    """Messages of anything that looks like a chat; plain text is one message of the user, and so is JSON text that is no chat."""
    if isinstance(value, str):
        inner = parsed(value)
        if not isinstance(inner, str) and _is_chat(inner) and (found := chat_of(inner)):
            return found
        return (("user", value),) if value.strip() else ()
    value = parsed(value)
    if isinstance(value, Mapping):
        for key in ("messages", "input", "prompt", "question", "query", "text", "content"):
            if value.get(key) is not None and (found := chat_of(value[key])):
                return found
        return ()
    if isinstance(value, list):
        if value and all(isinstance(one, list) for one in value) and not _pair(value[0]):
            return chat_of(value[0])  # a batch of one chat
        return tuple(message for one in value if (message := message_of(one)) is not None)
    return ()


def _is_chat(value: Any) -> bool:
    """Whether JSON text is a chat, and not what somebody pasted into one."""
    if isinstance(value, Mapping):
        if {"messages", "input", "question", "query", "prompt"} & set(value):
            return True
        return "content" in value and bool({"role", "type"} & set(value))
    if isinstance(value, list) and value and isinstance(value[0], list):
        return _is_chat(value[0])
    return isinstance(value, list) and bool(value) and all(isinstance(one, Mapping) and bool(_SPEAKERS & set(one)) for one in value)


_SPEAKERS = {"role", "type", "author", "from", "sender", "kwargs", "message", "message.role"}


def message_of(value: Any) -> tuple[str, str] | None:
    """``(role, content)`` of one message; None where it has no text."""
    value = parsed(value)
    if _pair(value):
        role, content = value
    elif isinstance(value, Mapping):
        value = value.get("message") if isinstance(value.get("message"), Mapping) else value
        kwargs = value.get("kwargs") if isinstance(value.get("kwargs"), Mapping) else {}  # LangChain's own form
        role = (
            _first(value, "role", "type", "author", "from", "sender")
            if "kwargs" not in value
            else (kwargs.get("type") or (value.get("id") or [""])[-1])
        )
        content = _first(kwargs or value, "content", "text", "value", "parts", "message")
    elif isinstance(value, str):
        role, content = "user", value
    else:
        return None
    text = text_of(content)
    return (role_of(role), text) if text.strip() else None


def _pair(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and isinstance(value[0], str) and (value[1] is None or isinstance(value[1], str))


def _first(value: Mapping[str, Any], *names: str) -> Any:
    return next((value[name] for name in names if value.get(name) is not None), None)


_ROLES = ROLES | {"humanmessage": "user", "aimessage": "assistant", "systemmessage": "system", "toolmessage": "tool"}
"""What a role is called; LangChain calls it by its classes."""


def role_of(role: Any) -> str:
    """A role by its usual name, in lower case."""
    name = str(role or "user").lower()
    return _ROLES.get(name, name)
