"""Distribution shift: whether a classifier can separate two sets of texts by their vectors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.stats import mannwhitneyu
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

Array = np.ndarray
LEAST = 10
"""Rows of each set from which on a half of the groups is used."""


@dataclass(frozen=True)
class Shift:
    """How well a linear classifier tells new from old vectors that it has not seen.

    Attributes:
        auroc: of the held-out half; .5 where they are alike.
        p: of an area as large where they are alike, one-sided.
        old: rows of the held-out half from the old set, one a group.
        new: from the new one.
    """

    auroc: float
    p: float
    old: int
    new: int


def two_sample_shift(
    old: Float[Array, "n d"], new: Float[Array, "m d"], old_groups: Sequence[str], new_groups: Sequence[str], *, seed: int = 0
) -> Shift | None:
    """A classifier two-sample test (Lopez-Paz & Oquab 2017, arXiv 1610.06545): trained on half of the groups, tested on the other.

    Whatever is alike within a group (a user's answers, a prompt's) is in one half only, and one row of a group is taken of each set: what
    the classifier has learned of a group it cannot use in the test, whose rank-sum p-value then holds whatever it has learned. A group in both sets
    has a row in each, which makes the test conservative.

    Args:
        old: vectors.
        new: others.
        old_groups: of each old row what it has in common with others: its user, or its prompt.
        new_groups: likewise.
        seed: of the rows that are taken and of the halves.

    Returns:
        None where a half has fewer than 10 rows of a set.
    """
    draw = np.random.default_rng(seed)
    names = np.unique(np.array([*old_groups, *new_groups], dtype=object).astype(str))
    learning = set(names[draw.permutation(len(names))[: len(names) // 2]])
    parts = [_halves(vectors, groups, learning, draw) for vectors, groups in ((old, old_groups), (new, new_groups))]
    learned, tested = zip(*parts, strict=True)
    if min(map(len, (*learned, *tested))) < LEAST:
        return None
    classifier = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, class_weight="balanced", max_iter=1000))
    classifier.fit(np.concatenate(learned), np.repeat([0, 1], [len(part) for part in learned]))
    scores = [classifier.decision_function(part) for part in tested]
    found = mannwhitneyu(scores[1], scores[0], alternative="greater")
    return Shift(float(found.statistic) / (len(scores[0]) * len(scores[1])), float(found.pvalue), len(scores[0]), len(scores[1]))


def _halves(vectors: Array, groups: Sequence[str], learning: set[str], draw: np.random.Generator) -> tuple[Array, Array]:
    """One row of each group, those to learn from and those to test on."""
    names = np.array(list(groups), dtype=object).astype(str)
    order = draw.permutation(len(names))
    each, first = np.unique(names[order], return_index=True)
    learned = np.isin(each, list(learning))
    rows = order[first]
    return vectors[rows[learned]], vectors[rows[~learned]]
