"""The prompts and the two sides of a file of pairs, and which rows have all three."""

from __future__ import annotations

import itertools

import numpy as np

from probrm.data.columns.matching import Part
from probrm.data.columns.said import Several, read_said
from probrm.data.columns.texts import keep_usable, read_prompts
from probrm.data.columns.values import Cells
from probrm.data.pairs.formats import PAIR_NATIVE
from probrm.data.pairs.shared_prompt import Sides, Text, Unusable, split_sides

_FILL = "check which columns hold the texts (--columns prompt=NAME,chosen=NAME,rejected=NAME), and fill or remove these rows"


def read_sides(
    parts: dict[str, Part], rows: np.ndarray, source: str, *, at_words: bool, available: list[str], notes: list[str]
) -> tuple[list[Sides], np.ndarray, np.ndarray | None]:
    """The pairs that can be used, and the rows' 0-based positions in the file; the rest is dropped with a note.

    A row with several answers on a side makes a pair of each of its chosen with each of its rejected ones.

    Args:
        parts: native name → column; without ``prompt`` both sides start with it.
        rows: the rows to read.
        source: the file, for messages.
        at_words: see ``split_sides``.
        available: the file's columns, for messages.
        notes: gets how many rows were dropped, and why.

    Returns:
        Pairs, m of them; int64 (m,) rows; int64 (m,) numbers of the pairs within their rows, None where no row makes several.

    Raises:
        DataError: a column holds neither texts nor chats, or more than 20 % of the pairs cannot be used.
    """
    implicit = "prompt" not in parts
    prompts = (
        [None] * len(rows) if implicit else read_prompts(Cells.of(source, parts["prompt"].name, parts["prompt"].values, rows), notes=notes)
    )
    answers = [_read_answers(parts[side], rows, source, notes) for side in ("chosen", "rejected")]
    found: list[Sides | Unusable] = []
    origin: list[int] = []
    number: list[int] = []
    for position, prompt in enumerate(prompts):
        several = itertools.product(*(side[position] for side in answers))
        for k, (chosen, rejected) in enumerate(several):
            found.append(split_sides(prompt, chosen, rejected, implicit=implicit, at_words=at_words))
            origin.append(position)
            number.append(k)
    rows = rows[origin] if origin else rows
    numbers = np.array(number, dtype=np.int64)
    several_a_row = bool(numbers.any())
    if several_a_row:
        notes.append(
            f"{len(prompts)} rows with several answers on a side make {len(found)} pairs; those of a row weigh as much as one pair"
        )
    left: list[tuple[Sides | Unusable, int]] = list(zip(found, number, strict=True))
    for reason in Unusable:
        fix = _separate(implicit, available) if reason is Unusable.PROMPTS else _FILL
        kept = [None if one[0] is reason else one for one in left]
        left, rows = keep_usable(kept, rows, source, notes, what=f"rows {reason.value}", fix=fix)
    sides = [pair for pair, _ in left if not isinstance(pair, Unusable)]
    return sides, rows, np.array([k for _, k in left], dtype=np.int64) if several_a_row else None


def _read_answers(part: Part, rows: np.ndarray, source: str, notes: list[str]) -> list[tuple[Text | None, ...]]:
    """The answers of one side of each row, mostly one."""
    said = read_said(Cells.of(source, part.name, part.values, rows), "text, or lists of {role, content}", notes)
    return [one.answers if isinstance(one, Several) else (one,) for one in said]


def _separate(implicit: bool, available: list[str]) -> str:
    if not implicit:
        return "both sides answer the prompt of their row: check that the columns belong together"
    usual = next((name for name in PAIR_NATIVE["prompt"] if name in available), None)
    if usual:
        return f"if {usual!r} holds the prompts: --columns prompt={usual}"
    return "add a column with the prompts (--columns prompt=NAME); --preset trl cuts plain texts before the first word that differs"
