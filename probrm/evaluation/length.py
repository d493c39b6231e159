"""Does a reward follow the length of answers: correlation and slope within prompts, and the slope that is left once the truth is known.

Answers to different prompts differ in length for good reasons, so only differences within a prompt count. With x = log₂(1 + characters), r the
reward, t the truth, each centred within its group, and weighted sums S over all rows:

    correlation       Σ a b / √(Σ a² Σ b²) of the ranks of x and r within each group, over its size
    slope             S_xr / S_xx, logits for a doubling of the length
    slope given truth (S_xr S_tt − S_tr S_xt) / (S_xx S_tt − S_xt²): least squares of r on x and t
    truth's slope     the same of t on x and r: what a doubling adds to the truth's probability among answers of one reward

The first is Spearman's correlation within groups, pooled; of pairs it is the share in which the longer answer has the larger reward less the
share in which the shorter one has. A label is a noisy measurement of what people prefer, so a perfect reward, too, keeps a slope given the label
wherever longer answers are better or worse. The last number is 0 for a reward that has length right; a negative one says that long answers get
too much reward.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.stats import rankdata

from probrm.evaluation.ratio import sums
from probrm.evaluation.resample import Estimate
from probrm.evaluation.sample import Codes, Floats

THRESHOLD = 0.3
"""Correlation within prompts beyond which a note is made: of two answers the longer one has the larger reward in 65 of 100 pairs."""
_SINGULAR = 1e-12


@dataclass(frozen=True)
class Moments:
    """Sums of squares and products within groups, by cluster.

    Attributes:
        products: (k, c, c), of c centred columns.
    """

    products: Float[np.ndarray, "k c c"]

    @classmethod
    def of(cls, columns: Float[np.ndarray, "n c"], groups: Codes, weight: Floats, clusters: Codes, size: int) -> Moments:
        """Columns are centred within groups; a row of which one is NaN is left out.

        Args:
            columns: of n rows.
            groups: (n,) codes.
            weight: (n,) positive.
            clusters: (n,) codes 0..size-1; each group lies in one.
            size: number of clusters.
        """
        known = np.isfinite(columns).all(1)
        columns, groups, weight, clusters = columns[known], groups[known], weight[known], clusters[known]
        count = int(groups.max(initial=-1)) + 1
        mass = sums(groups, weight, count)
        means = np.stack([sums(groups, weight * column, count) for column in columns.T], 1) / np.where(mass > 0, mass, 1.0)[:, None]
        centred = columns - means[groups]
        found = [[sums(clusters, weight * one * other, size) for other in centred.T] for one in centred.T]
        return cls(np.array(found).transpose(2, 0, 1))

    def __call__(self, counts: Floats) -> Float[np.ndarray, "b c c"]:
        """Counts (b, k) to the sums."""
        return np.tensordot(counts, self.products, 1)

    def correlation(self, counts: Floats) -> Floats:
        """Of the first two columns, (b,); NaN where one does not vary."""
        s = self(counts)
        return _over(s[:, 0, 1], np.sqrt(s[:, 0, 0] * s[:, 1, 1]))

    def slope(self, counts: Floats) -> Floats:
        """Of the second column on the first, (b,)."""
        s = self(counts)
        return _over(s[:, 0, 1], s[:, 0, 0])

    def partial_slope(self, counts: Floats) -> Floats:
        """Of the second column on the first, given the third, (b,); NaN where these two go together."""
        s = self(counts)
        whole = s[:, 0, 0] * s[:, 2, 2]
        apart = whole - s[:, 0, 2] ** 2
        return _over(s[:, 0, 1] * s[:, 2, 2] - s[:, 1, 2] * s[:, 0, 2], np.where(apart > _SINGULAR * whole, apart, 0.0))


def length_estimates(
    length: Floats, reward: Floats, truth: Floats | None, groups: Codes, weight: Floats, clusters: Codes, size: int
) -> dict[str, Estimate]:
    """``length_correlation``, ``length_slope`` and, with a truth, those of the truth, of the reward given it, and of it given the reward.

    Args:
        length: (n,) characters.
        reward: (n,) logits.
        truth: (n,) 0 or 1, NaN where unknown.
        groups: (n,) codes of what is compared within: prompts, or pairs.
        weight: (n,) positive.
        clusters: (n,) codes of what the bootstrap draws.
        size: number of clusters.
    """
    x = np.log2(1 + length)

    def moments(*columns: Floats) -> Moments:
        return Moments.of(np.stack(columns, 1), groups, weight, clusters, size)

    ranks = moments(within_ranks(x, groups), within_ranks(reward, groups))
    found = {"length_correlation": _estimate(ranks.correlation, size), "length_slope": _estimate(moments(x, reward).slope, size)}
    if truth is None:
        return found
    known = np.isfinite(truth)
    lengths = np.where(known, within_ranks(np.where(known, x, np.nan), groups), np.nan)
    of_truth = moments(lengths, truth)
    return found | {
        "truth_length_correlation": _estimate(of_truth.correlation, size),
        "length_slope_given_truth": _estimate(moments(x, reward, truth).partial_slope, size),
        "truth_slope_given_reward": _estimate(moments(x, truth, reward).partial_slope, size),
    }


def within_ranks(values: Floats, groups: Codes) -> Floats:
    """Average ranks within each group, centred, over the group's size: (n,), NaN where the value is NaN."""
    found = np.full(values.shape, np.nan)
    order = np.argsort(groups, kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(groups[order])) + 1):
        rows = rows[np.isfinite(values[rows])]
        if rows.size:
            found[rows] = (rankdata(values[rows]) - (rows.size + 1) / 2) / rows.size
    return found


def _estimate(statistic, size: int) -> Estimate:  # type: ignore[no-untyped-def]
    found = Estimate.of(statistic, size)
    return found if np.isfinite(found.value) else Estimate(None, reason="no prompt has answers that differ in it")


def _over(above: Floats, below: Floats) -> Floats:
    return np.divide(above, below, out=np.full(above.shape, np.nan), where=below > 0)
