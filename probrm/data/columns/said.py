"""What is said in the cells of a column: texts, chats, and lists of several answers, in whatever form they are written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa

from probrm.data.columns.values import Cells
from probrm.data.files.arrow import is_list, is_text, kernels, to_flags
from probrm.data.files.json_values import BrokenJson, parse
from probrm.data.messages import ROLES, ROLES_ALLOWED, Turns, UnknownForm, is_message, is_part, read_content, read_turn
from probrm.errors import DataError

_JSON = r"^\s*[\[{]"
_AS_PYTHON = r"^\s*\[?\s*\{\s*'(role|content|from|value|author|text|type)'\s*:"
_AT_A_TIME = 8192
_PLAIN = {"role", "content"}
_FIX = 'write text, or messages: [{"role": "user", "content": "…"}, …]'


@dataclass(frozen=True)
class Several:
    """Several answers in one cell.

    Attributes:
        answers: texts or chats; None where one is empty.
    """

    answers: tuple[str | Turns | None, ...]


Said = str | Turns | Several


def read_said(cells: Cells, allowed: str, notes: list[str]) -> list[Said | None]:
    """What each cell says: text, a chat, or several of them; None where there is nothing but white space.

    Chats are lists of messages, one message, or JSON text of either, see ``probrm.data.messages``. A list of one text is that text.
    JSON text of a list of texts is such a list where every cell of the column holds one.

    Args:
        cells: the column.
        allowed: what it may hold, for messages.
        notes: gets how many parts of messages have no text.

    Raises:
        DataError: the column holds something else, or a row has an unknown role or part.
    """
    kind = cells.values.type
    if pa.types.is_null(kind):
        return [None] * len(cells.rows)
    left_out: Counter[str] = Counter()
    found: list[Said | None]
    if is_text(kind):
        found = _from_texts(cells, left_out, notes)
    elif _is_plain(kind):
        found = _from_plain(cells)
    elif is_list(kind) or pa.types.is_struct(kind):
        if not _could_be_said(kind):
            raise cells.refuse_type(allowed, _FIX)
        found = []
        for start in range(0, len(cells.values), _AT_A_TIME):  # as Python objects, messages take several times their space
            values = cells.values.slice(start, _AT_A_TIME).to_pylist()
            found += [_read(cells, start + position, value, left_out) for position, value in enumerate(values)]
    else:
        raise cells.refuse_type(allowed, _FIX + "; name the columns that hold the texts: --columns prompt=NAME")
    if left_out:
        counted = ", ".join(f"{count} of type {kind}" for kind, count in sorted(left_out.items()))
        notes.append(f"column {cells.name!r}: content parts without text are left out: {counted}")
    return found


def single(found: list[Said | None], cells: Cells) -> list[str | Turns | None]:
    """The same, where several answers are not allowed.

    Raises:
        DataError: a row has several.
    """
    for position, said in enumerate(found):
        if isinstance(said, Several):
            raise _refuse(cells, position, UnknownForm(f"a list of {len(said.answers)} texts", "one text, or the messages of one chat"))
    return [said for said in found if not isinstance(said, Several)]


def _read(cells: Cells, position: int, value: Any, left_out: Counter[str]) -> Said | None:
    try:
        return _said(value, left_out)
    except UnknownForm as error:
        raise _refuse(cells, position, error) from None


def _refuse(cells: Cells, position: int, error: UnknownForm) -> DataError:
    return DataError(
        f"{cells.source}, row {cells.rows[position] + 1}, column {cells.name!r}: found {error.found}; allowed: {error.allowed}", fix=_FIX
    )


def _said(value: Any, left_out: Counter[str]) -> Said | None:
    if value is None or isinstance(value, str):
        return value if value and value.strip() else None
    if isinstance(value, Mapping):
        value = [value]
    items = [item for item in value if item is not None]
    if not items:
        return None
    if any(map(is_message, items)):
        return _chat(items, left_out)
    if isinstance(items[0], Mapping):
        if not any(map(is_part, items)):
            raise UnknownForm(f"{items[0]!r:.60}", "text, or lists of {role, content}")
        return read_content(items, left_out) or None
    answers = tuple(_said(item, left_out) for item in items)
    one = [answer for answer in answers if not isinstance(answer, Several)]
    if len(one) < len(answers):
        raise UnknownForm("lists within lists", "one text, one chat, or a list of them")
    return one[0] if len(one) == 1 else Several(tuple(one))


def _chat(messages: list[Any], left_out: Counter[str]) -> Turns | None:
    for message in messages:
        if not is_message(message):
            raise UnknownForm(f"{message!r:.60} among messages", 'objects such as {"role": "user", "content": "…"}')
    turns = tuple(read_turn(message, left_out) for message in messages)
    return turns if any(content.strip() for _, content in turns) else None


def _from_texts(cells: Cells, left_out: Counter[str], notes: list[str]) -> list[Said | None]:
    wrong = to_flags(kernels.match_substring_regex(cells.values, _AS_PYTHON))
    if 2 * wrong.sum() >= len(wrong) - cells.values.null_count > 0:  # fewer are texts that happen to start like one
        fix = "save the file as parquet or JSON lines; a CSV keeps chats only as JSON, in double quotes"
        raise cells.error(int(wrong.argmax()), "text, a list of {role, content}, or one as JSON text", fix)
    texts: list[Said | None] = []
    filled, lists, strange, refused = 0, [], [], None
    for start in range(0, len(cells.values), _AT_A_TIME):
        values = cells.values.slice(start, _AT_A_TIME)
        blank = kernels.equal(kernels.utf8_trim_whitespace(values), "")
        some: list[Said | None] = kernels.if_else(blank, pa.scalar(None, values.type), values).to_pylist()
        filled += sum(text is not None for text in some)
        for i in np.flatnonzero(to_flags(kernels.match_substring_regex(values, _JSON))).tolist():
            if (value := _parse(some[i])) is None:
                continue
            if isinstance(value, list) and all(isinstance(item, str | list) for item in value):
                lists.append(start + i)
            elif _is_strange(value):
                strange.append(start + i)
            else:
                try:
                    some[i] = _said(value, left_out)
                except UnknownForm as error:
                    refused = refused or (start + i, error)
        texts += some
    if strange and 2 * len(strange) >= filled:
        _read(cells, strange[0], _parse(texts[strange[0]]), left_out)  # says which role is unknown
    if refused:
        raise _refuse(cells, *refused)
    if lists and len(lists) == filled:  # else it is a text that happens to start like one
        for position in lists:
            texts[position] = _read(cells, position, _parse(texts[position]), left_out)
    elif 2 * len(lists) >= filled > 0:
        held = set(lists)
        other = next((i for i, text in enumerate(texts) if text is not None and i not in held), 0)
        notes.append(
            f"column {cells.name!r}: {len(lists):,} of {filled:,} cells are JSON lists of texts and are read as they stand, "
            f"because others are not, such as row {cells.rows[other] + 1}"
        )
    return texts


def _parse(text: Any) -> Any:
    """What JSON text holds, where that may be messages, parts or texts; None otherwise."""
    try:
        value = parse(text)
    except BrokenJson:
        return None
    items = value if isinstance(value, list) else [value]
    if not items:
        return None
    if all(map(is_message, items)):
        return value
    if isinstance(value, list) and (all(isinstance(v, str) for v in items) or all(isinstance(v, list) and v for v in items)):
        return value
    known = any(is_part(item) and item.get("type") in ("text", "input_text", "output_text") for item in items)
    return value if known and all(map(is_part, items)) else None


def _is_strange(value: Any) -> bool:
    """Messages none of which has a known role: an answer may be JSON of that form."""
    items = value if isinstance(value, list) else [value]
    return is_message(items[0]) and not any(map(_has_known_role, items))


def _has_known_role(message: Mapping[str, Any]) -> bool:
    try:
        read_turn({**message, "content": "", "value": None, "text": None, "tool_calls": None}, Counter())
    except UnknownForm:
        return False
    return True


def _is_plain(kind: pa.DataType) -> bool:
    """Lists of {role, content}, both text: read column by column."""
    item = kind.value_type if is_list(kind) else pa.null()
    if not pa.types.is_struct(item):
        return False
    fields = {item.field(i).name: item.field(i).type for i in range(item.num_fields)}
    return all(is_text(fields.get(name, pa.null())) for name in _PLAIN) and not {"tool_calls", "function_call"} & set(fields)


def _from_plain(cells: Cells) -> list[Said | None]:
    found: list[Said | None] = []
    for chunk in cells.values.chunks:
        messages = chunk.flatten()
        names, contents = messages.field("role").to_pylist(), messages.field("content").to_pylist()
        known = {name: ROLES.get((name or "").strip().lower()) for name in set(names)}
        lengths = kernels.fill_null(kernels.list_value_length(chunk), 0).to_numpy(zero_copy_only=False)
        for start, end in pairwise(np.concatenate([[0], np.cumsum(lengths)]).tolist()):
            said = [content or "" for content in contents[start:end]]  # a call of a tool has no content
            roles = [known[name] for name in names[start:end]]
            if None in roles and (unknown := names[start + roles.index(None)]) is not None:
                raise _refuse(cells, len(found), UnknownForm(f"the role {unknown!r}", ROLES_ALLOWED))
            usable = None not in roles and any(content.strip() for content in said)
            found.append(tuple((role or "", text) for role, text in zip(roles, said, strict=True)) if usable else None)
    return found


def _could_be_said(kind: pa.DataType) -> bool:
    """Whether values of a type may be texts, messages, parts, or lists of them."""
    if is_list(kind):
        return pa.types.is_null(kind.value_type) or _could_be_said(kind.value_type)
    return is_text(kind) or pa.types.is_struct(kind) or pa.types.is_null(kind)
