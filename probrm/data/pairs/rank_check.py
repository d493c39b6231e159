"""Ranks that decide nothing, ``chosen_rank`` and ``rejected_rank`` or one beside a score: they show a preference that is read the wrong way round."""

from __future__ import annotations

import numpy as np

from probrm.data.columns.sides import TwoSides
from probrm.data.columns.values import Cells, scores
from probrm.data.files.arrow import is_number
from probrm.data.pairs.agreement import check_scores
from probrm.data.pairs.rating_names import is_order, is_rank
from probrm.data.pairs.recognise import Reading


def check_ranks(reading: Reading, second: np.ndarray, tie: np.ndarray, rows: np.ndarray, answers: TwoSides) -> None:
    """Holds the preference against the ranks of both sides where a file has them, and says so.

    Args:
        reading: the file; ``scored`` has what both sides are scored in.
        second: bool (m,), whether the second of two answers is preferred.
        tie: bool (m,).
        rows: int64 (m,), 0-based positions in the file.
        answers: the columns of the answers.

    Raises:
        DataError: the ranks, of which the lower one is better, contradict the preference in most rows.
    """
    kinds = reading.table.schema
    ranked = (columns for base, columns in reading.scored.items() if is_rank(base) and is_order(base))
    ranks = next((columns for columns in ranked if all(is_number(kinds.field(column).type) for column in columns)), None)
    if ranks is None:
        return
    fix = "write numbers, or leave the columns out"
    first, other = (scores(Cells.of(reading.source, column, reading.table.column(column), rows), fix=fix) for column in ranks)
    named = "/".join(f"`{column}`" for column in ranks)
    choice, turn = f"`{answers.first}` over `{answers.second}`", f"--columns chosen={answers.second},rejected={answers.first}"
    if "choice" in reading.parts:
        choice, turn = f"`{reading.parts['choice'].name}`", "--choices first=VALUE,second=VALUE"
    check_scores(
        np.where(second, first - other, other - first),
        np.where(tie, 0.5, 1.0),
        source=reading.source,
        choice=choice,
        scores=f"the ranks {named} (lower is better)",
        fix=f"if the preference is read the wrong way round: {turn}; if higher ranks are better, leave these columns out of the file",
    )
    reading.used.update(ranks)
    reading.told.append(f"checked by the ranks {named} (lower is better)")


def check_score(reading: Reading, difference: np.ndarray, first: np.ndarray, second: np.ndarray, overall: str) -> None:
    """Holds an overall rating against a rank of the same file: one in which lower is better, as a loss is, would turn all preferences round.

    Args:
        reading: the file.
        difference: (m,) overall rating of the first of two responses less that of the second, NaN where missing.
        first: int64 (m,), 0-based positions of the first ones in the file.
        second: int64 (m,), likewise.
        overall: the column of the overall rating.

    Raises:
        DataError: the rank, of which the lower one is better, contradicts the rating in most rows.
    """
    used = {part.name for part in reading.parts.values()} | {name.removeprefix("-") for name in reading.spec.attributes}
    there = [name for name in reading.table.column_names if is_rank(name) and is_order(name) and name not in used]
    rank = next((name for name in there if is_number(reading.table.schema.field(name).type)), None)
    if rank is None:
        return
    cells = Cells.of(reading.source, rank, reading.table.column(rank), np.arange(reading.table.num_rows))
    values = scores(cells, fix="write numbers, or leave the column out")
    along = np.where(difference < 0, -1, 1) * (values[second] - values[first])
    check_scores(
        along,
        np.where(np.isnan(difference) | (difference == 0), 0.5, 1.0),
        source=reading.source,
        choice=f"`{overall}`",
        scores=f"the rank `{rank}` (lower is better)",
        fix=f"name what decides: --columns overall={rank}, or --columns overall={overall} if higher `{overall}` is better",
        most=2 / 3,
    )
