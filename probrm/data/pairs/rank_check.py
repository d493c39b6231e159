"""Ranks of both sides of a pair: ``chosen_rank`` and ``rejected_rank``. They decide nothing, and show a preference that is read the wrong way round."""

from __future__ import annotations

import numpy as np

from probrm.data.columns.values import Cells, scores
from probrm.data.files.arrow import is_number
from probrm.data.pairs.agreement import check_scores
from probrm.data.pairs.rating_names import is_order, is_rank
from probrm.data.pairs.recognise import Reading
from probrm.data.pairs.sides import TwoSides


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
