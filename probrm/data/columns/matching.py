"""Which of a file's columns plays which part."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import pyarrow as pa

from probrm.data.columns.paths import is_path, nested_names
from probrm.data.files.hints import did_you_mean, listed
from probrm.errors import DataError

NATIVE = {
    "prompt": ("question", "query", "instruction", "input", "request"),
    "messages": ("conversation", "conversations", "chat"),
    "response": ("answer", "output", "completion", "reply"),
    "action": ("copied", "clicked", "click", "copy", "liked", "accepted", "o"),
    "user_id": ("user", "worker", "annotator", "programmer_id", "uid"),
    "session_id": ("session",),
    "timestamp": ("time", "date"),
    "shown": ("exposed", "displayed", "impression"),
    "label": ("rating", "verdict", "thumb", "thumbs", "gold"),
    "weight": ("weights",),
    "id": ("row_id", "uuid"),
    "true_probability": (),
    "propensity": ("known_propensity", "p_shown", "inclusion_probability"),
    "pair": ("pair_id", "comparison", "comparison_id"),
    "chosen": ("picked", "selected", "won", "winner"),
}
"""The names that a log's columns have natively, with what else they are often called (only used in hints)."""


@dataclass(frozen=True)
class Part:
    """One native column: what the file calls it, and its values for all rows."""

    name: str
    values: pa.ChunkedArray | pa.Array


def assign(
    table: pa.Table,
    columns: Mapping[str, str],
    preset: Mapping[str, Part],
    source: str,
    natives: Mapping[str, tuple[str, ...]] = NATIVE,
) -> dict[str, Part]:
    """Native name → the file's column, from what the user said, else the preset, else equal names.

    Args:
        table: the file.
        columns: native name → the file's column, as the user said; an empty name: there is none.
        preset: native name → column, as a published form has it.
        source: the file, for messages.
        natives: the native names, with what else they are often called: of a log, or of another kind of file.

    Raises:
        DataError: the user named a column that the file does not have.
    """
    parts: dict[str, Part] = {}
    for native in natives:
        name = columns.get(native)
        if name == "":
            continue
        if name is not None:
            if name not in table.column_names:
                there = dict.fromkeys([*table.column_names, *(nested_names(table) if is_path(name) else ())])
                raise missing(source, native, name, there, natives)
            parts[native] = Part(name, table.column(name))
        elif native in preset:
            parts[native] = preset[native]
        elif native in table.column_names:
            parts[native] = Part(native, table.column(native))
    if "prompt" in parts and "messages" in parts:  # a named one goes before one that merely is there
        del parts["prompt" if columns.get("messages") and not columns.get("prompt") else "messages"]
    return parts


def missing(
    source: str,
    native: str,
    name: str,
    available: Collection[str],
    natives: Mapping[str, tuple[str, ...]] = NATIVE,
    *,
    likely: Collection[str] | None = None,
) -> DataError:
    """The error for a column that is not there, with the line that names another one, of those in ``likely`` where that is given."""
    found = listed(available)
    if name.startswith("-") and name[1:] in available:
        fix = f"a minus reverses an attribute: --columns {native}= --attributes {name}"
        return DataError(f"{source}: there is no column {name!r} (named for {native!r}); found: {found}", fix=fix)
    if name != native:
        close = did_you_mean(name, available)
        fix = f"{close} then: --columns {native}={_in_quotes(close)}" if close else f"name one of these: --columns {native}=NAME"
        return DataError(f"{source}: there is no column {name!r} (named for {native!r}); found: {found}", fix=fix)
    usual = next((other for other in natives[native] if other in available), None)
    close = did_you_mean(native, available if likely is None else likely)
    guess = usual or (_in_quotes(close) if close else None)
    fix = f"if it is {guess!r}: --columns {native}={guess}" if guess else f"say which column it is: --columns {native}=NAME"
    if natives is NATIVE and {"request", "copy_events"} <= set(available):
        fix = "this looks like the published RealHumanEval chat log: --preset realhumaneval"
    return DataError(f"{source}: there is no column {native!r}; found: {found}", fix=fix)


def _in_quotes(hint: str) -> str:
    return hint.split("'")[1] if hint.count("'") >= 2 else hint
