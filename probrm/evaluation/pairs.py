"""Pairs of responses as rows with a binary outcome, so that pair models are evaluated by the same code.

"The chosen one is preferred" is true in every row of a pairs file, and a truth of one class can show neither AUROC nor
calibration. Which response stands first is no more than a convention, so each pair is told both ways round: first preferred
with probability p, truth 1; and first preferred with probability 1 - p, truth 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import cast

import numpy as np
from numpy.typing import ArrayLike

from probrm.errors import DataError
from probrm.evaluation.sample import Codes, Floats, Predictions, Sample


def pairs_as_rows(
    p_chosen: ArrayLike,
    *,
    prompts: ArrayLike | Sequence[object] | None = None,
    weight: ArrayLike | None = None,
    low: ArrayLike | None = None,
    high: ArrayLike | None = None,
    true_probability: ArrayLike | None = None,
) -> tuple[Sample, Predictions]:
    """A sample of 2m rows and its predictions for m pairs; the bootstrap draws prompts, or pairs where none are given.

    Metrics then read: ``pair_accuracy`` is the share of pairs whose chosen response is preferred (p = 1/2 counts one half),
    ``nll`` is the mean of -log p_chosen, ``brier`` of (1 - p_chosen)², ``ece`` the calibration error that does not depend on
    which response stands first, ``auroc`` how well p tells a right order from a reversed one over all pairs.

    Args:
        p_chosen: (m,) probability that the chosen response is preferred.
        prompts: (m,) prompt ids.
        weight: (m,) positive.
        low: (m,) lower bounds of p_chosen's interval.
        high: (m,) upper bounds.
        true_probability: (m,) the probability that the chosen one was preferred, where simulated.

    Raises:
        DataError: a value out of its range.
        ValueError: lengths differ.
    """
    chosen = np.asarray(p_chosen, dtype=np.float64)
    m = chosen.size
    bounds = None if low is None or high is None else (np.asarray(low, np.float64), np.asarray(high, np.float64))
    sample = Sample.of(
        np.repeat([1.0, 0.0], m),
        groups=np.tile(np.arange(m), 2),
        clusters=None if prompts is None else [*cast("Sequence[object]", prompts)] * 2,
        weight=None if weight is None else np.tile(np.asarray(weight, np.float64), 2),
        true_probability=None if true_probability is None else _both(np.asarray(true_probability, np.float64)),
        unit="pairs" if prompts is None else "prompts",
    )
    predictions = Predictions.of(
        _both(chosen),
        low=None if bounds is None else np.r_[bounds[0], 1 - bounds[1]],
        high=None if bounds is None else np.r_[bounds[1], 1 - bounds[0]],
    )
    return replace(sample, repeats=2), predictions


def _both(values: np.ndarray) -> np.ndarray:
    # 1 - 0.7 is not 0.3 in floating point: without rounding, equal probabilities would be no tie, and sorted by their truth.
    return np.round(np.r_[values, 1 - values], 12)


def labelled_pairs(sample: Sample) -> tuple[Codes, Codes, Floats]:
    """Every two rows of one group of which the first has truth 1 and the other 0: both positions, and the product of their weights, (m,) each.

    Raises:
        DataError: there are no such rows.
    """
    groups = np.zeros(sample.rows, np.int64) if sample.groups is None else sample.groups
    order = np.argsort(groups, kind="stable")
    parts = [(rows[sample.truth[rows] == 1], rows[sample.truth[rows] == 0]) for rows in np.split(order, _ends(groups[order]))]
    found = [np.stack(np.meshgrid(liked, other, indexing="ij")).reshape(2, -1) for liked, other in parts]
    first, second = np.concatenate([np.zeros((2, 0), np.int64), *found], axis=1)
    if not first.size:
        raise DataError(
            f"no prompt has an answer with label 1 and one with label 0: {sample.rows} labelled rows, {len(parts)} prompts; "
            "intervals are judged on pairs of such answers",
            fix="label several answers to a prompt, or give pairs: prompt, chosen, rejected",
        )
    return first, second, sample.weight[first] * sample.weight[second]


def _ends(sorted_codes: Codes) -> Codes:
    return np.flatnonzero(np.diff(sorted_codes)) + 1
