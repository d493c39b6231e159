"""How well scores put rows with outcome 1 above rows with outcome 0: over all rows (AUROC), and within prompts."""

from __future__ import annotations

import numpy as np

from probrm.evaluation.ratio import Ratio, sums
from probrm.evaluation.sample import Codes, Floats


def tie_starts(values: Floats) -> Codes:
    """Positions at which a new value begins in sorted ``values`` (n,); as many as there are distinct values."""
    return np.flatnonzero(np.r_[True, values[1:] != values[:-1]])


class Auroc:
    """The area under the ROC curve on any resample, from one sort.

    With weights, ``Σ_{i: y=1} Σ_{j: y=0} w_i w_j ([s_i > s_j] + ½ [s_i = s_j]) / Σ_{i: y=1} Σ_{j: y=0} w_i w_j``
    (Mann & Whitney 1947), which is scikit-learn's ``roc_auc_score(..., sample_weight=w)``.

    Args:
        truth: (n,) 0 or 1.
        score: (n,) finite.
        weight: (n,) positive.
        clusters: (n,) codes 0..k-1.
    """

    def __init__(self, truth: Floats, score: Floats, weight: Floats, clusters: Codes) -> None:
        order = np.argsort(score, kind="stable")
        self._clusters = clusters[order]
        self._positive = (weight * truth)[order]
        self._negative = (weight * (1 - truth))[order]
        self._starts = tie_starts(score[order])

    def __call__(self, counts: Floats) -> Floats:
        """Counts (b, k) to areas (b,); NaN where a resample holds one class only."""
        drawn = counts[:, self._clusters]
        positive, negative = drawn * self._positive, drawn * self._negative
        if self._starts.size < self._clusters.size:
            positive, negative = np.add.reduceat(positive, self._starts, axis=1), np.add.reduceat(negative, self._starts, axis=1)
        below = np.cumsum(negative, axis=1)
        pairs = positive.sum(axis=1) * below[:, -1]
        below -= negative / 2
        right = np.einsum("bg,bg->b", positive, below)
        return np.divide(right, pairs, out=np.full(pairs.shape, np.nan), where=pairs > 0)


def pair_accuracy(truth: Floats, score: Floats, weight: Floats, groups: Codes, clusters: Codes) -> Ratio:
    """The share of pairs in the right order, among pairs of the same group with different truth; ties count one half.

    Pairs are pooled over groups, each with weight ``w_i w_j``. A cluster drawn twice brings its pairs twice, and no pairs
    between its two copies: these would be two different prompts.

    Args:
        truth: (n,) 0 or 1.
        score: (n,) finite.
        weight: (n,) positive.
        groups: (n,) codes of prompts.
        clusters: (n,) codes 0..k-1; each group lies in one.

    Returns:
        The ratio whose numerator and denominator are (k,) weights of right pairs and of all pairs.
    """
    order = np.lexsort((score, groups))
    group, sorted_score = groups[order], score[order]
    positive, negative = (weight * truth)[order], (weight * (1 - truth))[order]
    new_group = np.r_[True, group[1:] != group[:-1]]
    starts = np.flatnonzero(new_group | np.r_[True, sorted_score[1:] != sorted_score[:-1]])
    positive, negative = np.add.reduceat(positive, starts), np.add.reduceat(negative, starts)
    group_of, cluster_of = group[starts], clusters[order][starts]
    all_negative = sums(group_of, negative, int(groups.max()) + 1)
    first = np.flatnonzero(new_group[starts])
    before = np.cumsum(negative) - negative
    # What lies before the first row of a group belongs to other groups.
    below = before - np.repeat(before[first], np.diff(np.r_[first, starts.size]))
    size = int(clusters.max()) + 1
    return Ratio(
        sums(cluster_of, positive * (below + negative / 2), size),
        sums(cluster_of, positive * all_negative[group_of], size),
    )
