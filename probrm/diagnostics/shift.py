"""Whether two sets of texts can be told apart by their vectors."""

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
LEAST = 20
"""Groups of each set from which on they are compared."""


@dataclass(frozen=True)
class Shift:
    """How well a linear classifier tells new from old vectors that it has not seen.

    Attributes:
        auroc: of the held-out half; .5 where they are alike.
        p: of an area as large where they are alike, one-sided.
        old: groups of the held-out half from the old set.
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

    One row of each group is taken, so that rows are independent; the classifier does not know the half that it is tested on, so that the
    rank-sum test of its scores is exact whatever it has learned. A group in both sets says nothing of a shift and is left out of both.

    Args:
        old: vectors.
        new: others.
        old_groups: of each old row, its prompt.
        new_groups: likewise.
        seed: of the rows that are taken and of the halves.

    Returns:
        None where a set has fewer than 20 groups of its own.
    """
    draw = np.random.default_rng(seed)
    common = set(old_groups) & set(new_groups)
    sets = [_one_of_each(vectors, groups, common, draw) for vectors, groups in ((old, old_groups), (new, new_groups))]
    if min(map(len, sets)) < LEAST:
        return None
    learned, tested = zip(*((rows[: len(rows) // 2], rows[len(rows) // 2 :]) for rows in sets), strict=True)
    classifier = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, class_weight="balanced", max_iter=1000))
    classifier.fit(np.concatenate(learned), np.repeat([0, 1], [len(part) for part in learned]))
    scores = [classifier.decision_function(part) for part in tested]
    found = mannwhitneyu(scores[1], scores[0], alternative="greater")
    return Shift(float(found.statistic) / (len(scores[0]) * len(scores[1])), float(found.pvalue), len(scores[0]), len(scores[1]))


def _one_of_each(vectors: Array, groups: Sequence[str], without: set[str], draw: np.random.Generator) -> Array:
    order = draw.permutation(len(vectors))
    names = np.asarray(groups, dtype=object)[order]
    first = {name: int(place) for place, name in reversed(list(zip(order, names, strict=True))) if name not in without}
    return vectors[draw.permutation(np.array(sorted(first.values()), dtype=np.int64))] if first else vectors[:0]
