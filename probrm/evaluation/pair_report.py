"""One evaluation of a pair model, beside a baseline where there is one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

import numpy as np
from numpy.typing import ArrayLike

from probrm.errors import DataError
from probrm.evaluation.pair_metrics import PairPredictions, draw_pair_metrics
from probrm.evaluation.pairs import pairs_as_rows
from probrm.evaluation.report import Evaluation, report
from probrm.evaluation.resample import Resamples
from probrm.evaluation.sample import Codes, Predictions, Sample
from probrm.progress import Progress, silent

MOST_SUBSETS = 30


def evaluate_pairs(
    predictions: PairPredictions,
    baseline: PairPredictions | None = None,
    *,
    prompts: ArrayLike | Sequence[object] | None,
    weight: ArrayLike | None = None,
    subset: ArrayLike | Sequence[object] | None = None,
    outcome: ArrayLike | None = None,
    true_probability: ArrayLike | None = None,
    bootstrap: int = 1000,
    seed: int = 0,
    progress: Progress = silent,
) -> Evaluation:
    """Holds a pair model, and a baseline where there is one, against m pairs on the same bootstrap resamples of prompts.

    - ``accuracy``: share of pairs whose chosen response is preferred; p = 1/2 counts one half. ``pair_accuracy`` is the same.
    - ``nll``: mean of -log p, p clipped to [1e-6, 1 - 1e-6]; ``brier``: mean of (1 - p)².
    - ``ece``, ``auroc``: of each pair told both ways round, see :mod:`probrm.evaluation.pairs`.
    - ``accuracy_certain_half``: accuracy of pairs with ``|p - 1/2|`` at or above its weighted median.
    - ``certainty_auroc``: area under the ROC curve of ``|p - 1/2|`` for the prediction being right; NaN where all are right or
      all are wrong.
    - ``aurc``: area under the risk–coverage curve, see :mod:`probrm.evaluation.certainty`.
    - ``coverage``, where bounds and ``true_probability`` are given: share of true probabilities within the bounds.
    - ``accuracy:NAME`` for each subset, in alphabetical order; of more than 30 subsets those with the most pairs.

    Observed ties (outcome 1/2) are left out of all of them, and counted in a note: none of these metrics says what is right.

    Args:
        predictions: the model's, for m pairs.
        baseline: those of what it has to beat.
        prompts: (m,) ids of prompts, which the bootstrap draws; None to draw pairs.
        weight: (m,) positive; ones by default.
        subset: (m,) names; None or NaN for a pair in no subset.
        outcome: (m,) 1 where the chosen response is preferred, 1/2 for a tie; ones by default.
        true_probability: (m,) the probability that the chosen one was preferred, where simulated.
        bootstrap: number of resamples; 0 for no intervals.
        seed: of the bootstrap.
        progress: is told of the resamples.

    Returns:
        An evaluation whose ``rows`` is the number of pairs that are no ties.

    Raises:
        DataError: no pairs but ties, or a value out of its range (rows are pairs, counted from 1).
        ConfigError: a negative number of resamples.
        ValueError: lengths differ.
    """
    m = np.asarray(predictions.p_chosen).size
    kept, notes = decided(outcome, m)
    given = {"prompts": prompts, "weight": weight, "true_probability": true_probability}
    columns = {name: at_kept(values, kept, m) for name, values in given.items()}
    sample, model = _rows(predictions, kept, m, columns)
    subsets, told = _subsets(at_kept(subset, kept, m))
    resamples = Resamples(sample.n_clusters, sample.rows, bootstrap, seed)
    drawn = draw_pair_metrics(sample, model, subsets, resamples, progress)
    beside = None
    if baseline is not None:
        beside = draw_pair_metrics(sample, _rows(baseline, kept, m, columns)[1], subsets, resamples, progress)
    evaluation = report(sample, drawn, beside)
    return replace(evaluation, notes=[*notes, *told, *evaluation.notes])


def _rows(predictions: PairPredictions, kept: Codes, m: int, columns: dict[str, list[Any] | None]) -> tuple[Sample, Predictions]:
    if np.asarray(predictions.p_chosen).shape != (m,):
        raise ValueError(f"p_chosen has shape {np.asarray(predictions.p_chosen).shape}; expected {(m,)}")
    clear = predictions.kept(kept)
    return pairs_as_rows(clear.p_chosen, low=clear.low, high=clear.high, **columns)


def at_kept(values: ArrayLike | Sequence[object] | None, kept: Codes, m: int) -> list[Any] | None:
    """A column (m,) at the pairs that are kept; None where there is no column.

    Raises:
        ValueError: its length is not m.
    """
    if values is None:
        return None
    found = list(cast("Sequence[object]", values))
    if len(found) != m:
        raise ValueError(f"found {len(found)} values for {m} pairs")
    return [found[row] for row in kept]


def decided(outcome: ArrayLike | None, m: int) -> tuple[Codes, list[str]]:
    """The pairs of m that are no ties, and a note of how many are.

    Args:
        outcome: (m,) 1 where the chosen response is preferred, 1/2 for a tie; ones by default.
        m: number of pairs.

    Raises:
        DataError: another outcome, or no pairs but ties.
        ValueError: the length is not m.
    """
    values = np.ones(m) if outcome is None else np.asarray(outcome, dtype=np.float64)
    if values.shape != (m,):
        raise ValueError(f"outcome has shape {values.shape}; expected {(m,)}")
    bad = ~np.isin(values, (0.5, 1.0))
    if bad.any():
        row = int(bad.argmax())
        raise DataError(
            f"evaluation, row {row + 1}, 'outcome': found {values[row]:g} ({int(bad.sum())} such rows); allowed: 1 (chosen), 0.5 (a tie)",
            fix="where the other response is preferred, name that one the chosen one",
        )
    kept = np.flatnonzero(values == 1.0)
    if kept.size == 0:
        found = f"all {m} pairs are ties" if m else "there are no pairs"
        raise DataError(f"{found}: nothing to evaluate on", fix="give pairs of which one response is preferred")
    if kept.size == m:
        return kept, []
    return kept, [f"{m - kept.size} of {m} pairs are ties, which the metrics leave out"]


def _subsets(names: list[object] | None) -> tuple[dict[str, Codes], list[str]]:
    """The pairs of each subset, by name, and notes of what is left out."""
    members: dict[str, list[int]] = {}
    for row, name in enumerate(names or []):
        if name is not None and name == name:  # NaN is what is not equal to itself
            members.setdefault(str(name), []).append(row)
    notes = []
    outside = len(names or []) - sum(map(len, members.values()))
    if outside:
        notes.append(f"{outside} pairs are in no subset")
    largest = sorted(members, key=lambda name: (-len(members[name]), name))
    if len(largest) > MOST_SUBSETS:
        left = sum(len(members[name]) for name in largest[MOST_SUBSETS:])
        notes.append(
            f"there are {len(largest)} subsets: those after the {MOST_SUBSETS} largest ({left} pairs) have no accuracy of their own"
        )
    return {name: np.array(members[name]) for name in sorted(largest[:MOST_SUBSETS])}, notes
