"""The prompts and the two sides of a file of pairs, and which rows have all three."""

from __future__ import annotations

import numpy as np

from probrm.data.columns.matching import Part
from probrm.data.columns.texts import keep_usable, read_prompts
from probrm.data.columns.values import Cells
from probrm.data.pairs.formats import PAIR_NATIVE
from probrm.data.pairs.shared_prompt import Sides, Text, Unusable, split_sides

_FILL = "check which columns hold the texts (--columns prompt=NAME,chosen=NAME,rejected=NAME), and fill or remove these rows"


def read_sides(
    parts: dict[str, Part], rows: np.ndarray, source: str, *, at_words: bool, available: list[str], notes: list[str]
) -> tuple[list[Sides], np.ndarray]:
    """The pairs that can be used, and the rows' 0-based positions in the file; the rest is dropped with a note.

    Args:
        parts: native name → column; without ``prompt`` both sides start with it.
        rows: the rows to read.
        source: the file, for messages.
        at_words: see ``split_sides``.
        available: the file's columns, for messages.
        notes: gets how many rows were dropped, and why.

    Raises:
        DataError: a column holds neither texts nor chats, or more than 20 % of the rows cannot be used.
    """
    implicit = "prompt" not in parts
    prompts = [None] * len(rows) if implicit else _read(parts["prompt"], rows, source, notes)
    both = zip(prompts, _read(parts["chosen"], rows, source, notes), _read(parts["rejected"], rows, source, notes), strict=True)
    found = [split_sides(prompt, c, r, implicit=implicit, at_words=at_words) for prompt, c, r in both]
    for reason in Unusable:
        fix = _separate(implicit, available) if reason is Unusable.PROMPTS else _FILL
        kept = [None if pair is reason else pair for pair in found]
        found, rows = keep_usable(kept, rows, source, notes, what=f"rows {reason.value}", fix=fix)
    return [pair for pair in found if not isinstance(pair, Unusable)], rows


def _read(part: Part, rows: np.ndarray, source: str, notes: list[str]) -> list[Text | None]:
    return read_prompts(Cells.of(source, part.name, part.values, rows), notes=notes)


def _separate(implicit: bool, available: list[str]) -> str:
    if not implicit:
        return "both sides answer the prompt of their row: check that the columns belong together"
    usual = next((name for name in PAIR_NATIVE["prompt"] if name in available), None)
    if usual:
        return f"if {usual!r} holds the prompts: --columns prompt={usual}"
    return "add a column with the prompts (--columns prompt=NAME); --preset trl cuts plain texts before the first word that differs"
