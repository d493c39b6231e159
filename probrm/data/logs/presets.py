"""Published logs that are read as they are."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pyarrow as pa

from probrm.data.columns.matching import Part
from probrm.data.files.hints import listed, shown
from probrm.errors import DataError


@dataclass(frozen=True)
class Preset:
    """How one published log maps to native columns.

    Attributes:
        read: table and source → native name → the file's column and its values; columns that are not there are left out.
        derive: covariates to derive from the texts in any case.
        texts: columns of the file that are text whatever they look like.
        ids: columns of the file whose values are names.
    """

    read: Callable[[pa.Table, str], Mapping[str, Part]]
    derive: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()


def read_realhumaneval(table: pa.Table, source: str) -> dict[str, Part]:
    """RealHumanEval (Mozannar et al., arXiv 2404.02806): programmers who may copy from the answers of a chat assistant.

    Read are the published ``chat_data.csv`` and the tidy form of the same turns (``prompt, response, copied, user_id``). An action
    is any copy event; the prompt is the last message of the user.

    Raises:
        DataError: the columns are those of neither form, or a cell of the published one is no list.
    """
    there = set(table.column_names)
    if {"request", "response"} <= there:
        names = {"response": "response", "user_id": "programmer_id", "timestamp": "timestamp"}
        parts = {native: Part(name, table.column(name)) for native, name in names.items() if name in there}
        asked = [_last_of_user(messages) for messages in _lists(table, "request", source)]
        parts["prompt"] = Part("request", pa.array(asked, pa.large_string()))
        if "copy_events" in there:
            copied = [len(events) > 0 for events in _lists(table, "copy_events", source)]
            parts["action"] = Part("copy_events", pa.array(copied, pa.bool_()))
        return parts
    if {"prompt", "response"} <= there:
        return {"action": Part("copied", table.column("copied"))} if "copied" in there else {}
    raise DataError(
        f"{source}: not the RealHumanEval chat log; it has request, response, copy_events, programmer_id, or prompt, response, copied; "
        f"found: {listed(table.column_names)}",
        fix="name the published chat_data.csv, or leave --preset out and name the columns with --columns",
    )


def _lists(table: pa.Table, name: str, source: str) -> list[list[object]]:
    """Cells that hold a list as Python writes it (single quotes), which is no JSON."""
    found: list[list[object]] = []
    for number, text in enumerate(table.column(name).to_pylist(), start=1):
        try:
            value = ast.literal_eval(text)
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            value = None
        if not isinstance(value, list):
            raise DataError(
                f"{source}, row {number}, column {name!r}: found {shown(text)}; allowed: a list as Python writes it, such as []",
                fix="download the published file again; spreadsheets cut or rewrite such cells",
            )
        found.append(value)
    return found


def _last_of_user(messages: list[object]) -> str | None:
    for message in reversed(messages):
        if isinstance(message, dict) and message.get("role") == "user" and isinstance(message.get("content"), str):
            return message["content"]
    return None


PRESETS: dict[str, Preset] = {
    "realhumaneval": Preset(
        read_realhumaneval,
        derive=("code_block",),
        texts=("request", "response", "copy_events", "prompt"),
        ids=("programmer_id", "user_id"),
    ),
    "trl-unpaired": Preset(lambda table, source: {}, texts=("prompt", "completion")),  # see ``unpaired``, which has to know more
}
"""What ``--preset`` can name."""
