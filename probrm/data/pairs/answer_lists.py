"""Files with a list of answers a row and a list of their scores beside it: ``responses`` and ``scores``."""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import Any

import numpy as np
import pyarrow as pa

from probrm.data.files.arrow import is_list, is_number, is_text
from probrm.data.pairs.nested import parsed
from probrm.data.pairs.rating_names import OVERALL, is_rank, is_rating, plain
from probrm.data.pairs.spec import PairSpec
from probrm.errors import DataError

_ANSWERS = ("responses", "answers", "completions", "generations", "outputs", "candidates", "replies", "all_generated_responses")
_SCORES = {"all_rm_scores": "score", "rm_scores": "score"}
"""Lists of scores under names of their own."""


def holds_answer_lists(names: Collection[str]) -> bool:
    """Whether columns of these names may be lists of answers and of their scores."""
    return bool({plain(name) for name in names} & set(_ANSWERS)) and any(_single(name) for name in names)


def may_hold_answers(names: Collection[str], named: str | None) -> bool:
    """Whether a column of these names may hold lists of answers."""
    return any(name == named or (not named and plain(name) in _ANSWERS) for name in names)


def with_rows_of_answers(table: pa.Table, spec: PairSpec, source: str, notes: list[str], *, rated: bool = True) -> pa.Table:
    """One rated answer a row, grouped by the rows that they come from; another table as it is.

    ``responses`` is ``response`` then, ``scores`` is ``score``; columns that the user named keep their names. Other columns are repeated.

    Args:
        table: the file's.
        spec: what the user named.
        source: the file, for messages.
        notes: gets what was made.
        rated: whether lists of answers alone, without scores, stay as they are.

    Raises:
        DataError: a row has another number of scores than of answers.
    """
    if {"chosen", "rejected"} & {*table.column_names, *(native for native, column in spec.columns.items() if column)}:
        return table
    named = spec.columns.get("response")
    name = next((n for n in table.column_names if n == named or (not named and plain(n) in _ANSWERS)), None)
    answers = None if name is None else _lists(table.column(name), str)
    if name is None or answers is None:
        return table
    by_name = {spec.columns.get("overall"), *(attribute.removeprefix("-") for attribute in spec.attributes)}
    wanted = {n: n if n in by_name else _single(n) for n in table.column_names}
    scores = {
        n: lists for n, single in wanted.items() if single and n != name and (lists := _lists(table.column(n), (int, float))) is not None
    }
    if rated and not scores:
        return table
    counts = [len(found or ()) for found in answers]
    decided = any(n == spec.columns.get("overall") or wanted[n] in OVERALL for n in scores)
    for column, lists in scores.items():
        for row, (found, count) in enumerate(zip(lists, counts, strict=True)):
            if len(found or ()) != count:
                raise DataError(
                    f"{source}, row {row + 1}: {count} in {name!r} and {len(found or ())} in {column!r}; allowed: a score for each answer",
                    fix="write null for a missing score, or remove the row",
                )
        _refuse_orders(lists, column, source, decided=decided)
    rows, number = np.repeat(np.arange(len(counts)), counts), np.concatenate([np.arange(count) for count in counts])
    made = table.drop_columns([name, *scores]).take(pa.array(rows))
    made = made.append_column(named or "response", pa.array([answer for found in answers for answer in found or ()]))
    for column, lists in scores.items():
        values = pa.array([None if value is None else _number(value) for found in lists for value in found or ()], pa.float64())
        made = made.append_column(wanted[column] or column, values)
    if "id" in made.column_names:
        ids = [f"{one}.{k}" for one, k in zip(made.column("id").to_pylist(), number.tolist(), strict=True)]
        made = made.set_column(made.column_names.index("id"), "id", pa.array(ids))
    if "group" not in made.column_names:
        made = made.append_column("group", pa.array(rows).cast(pa.string()))
    beside, made_of = (f" and of scores ({', '.join(scores)})", "rated answers") if scores else ("", "answers, one a row")
    notes.append(f"{len(counts)} rows with lists of answers ({name}){beside} make {len(rows)} {made_of}")
    return made


def _refuse_orders(lists: list[list[Any] | None], column: str, source: str, *, decided: bool) -> None:
    """A list called a ranking may hold the ranks of the answers, or the answers' places from the best to the worst.

    Args:
        lists: one a row.
        column: the list's.
        source: the file, for messages.
        decided: whether another column decides, or the user named this one.

    Raises:
        DataError: it may be either, and the two differ.
    """
    if decided or not {"ranking", "rankings"} & set(plain(column).split("_")):
        return
    for row, found in enumerate(lists):
        base = min((one for one in found or () if one is not None), default=0)
        if found and sorted(one if one is not None else -1 for one in found) == [base + k for k in range(len(found))] and base in (0, 1):
            order = [int(one - base) for one in found]
            if any(order[order[k]] != k for k in range(len(order))):
                raise DataError(
                    f"{source}, row {row + 1}, column {column!r}: found {found}, which may be the ranks of the answers, or their order from the "
                    "best to the worst; allowed: ranks, lower being better",
                    fix=f"if they are ranks: --columns overall={column}; if they are an order, write the rank of each answer instead",
                )


def _number(value: float) -> float:
    try:
        return float(value)
    except OverflowError:  # a whole number of hundreds of digits
        return math.inf


def _single(name: str) -> str | None:
    """``scores`` is ``score`` and ``helpfulness`` itself; None of what is no rating and no rank."""
    if name in _SCORES:
        return _SCORES[name]
    return next((one for one in (name, name.removesuffix("s")) if is_rating(one) or is_rank(one)), None)


def _lists(column: pa.ChunkedArray, of: Any) -> list[list[Any] | None] | None:
    """The lists in a column, or in its JSON text; None where it holds anything else, or not two values in any row."""
    kind = column.type
    if is_list(kind) and not (is_text(kind.value_type) if of is str else is_number(kind.value_type)):
        return None
    if not is_list(kind) and not is_text(kind):
        return None
    found = [parsed(value) for value in column.to_pylist()]
    fits = all(value is None or (isinstance(value, list) and all(v is None or isinstance(v, of) for v in value)) for value in found)
    return found if fits and any(value is not None and len(value) > 1 for value in found) else None
