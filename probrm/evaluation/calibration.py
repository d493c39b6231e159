"""The expected calibration error over equal-mass bins, as a function of weights alone.

scikit-learn has ``calibration_curve`` but no ECE, and its bins know no weights, so a resample could not be told as counts.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from probrm.evaluation.ranking import tie_starts
from probrm.evaluation.sample import Codes, Floats, Predictions, Sample

BINS = 10


class CalibrationError:
    """``ECE = Σ_b |Σ_{i in b} w_i (y_i - p_i)| / Σ_i w_i`` over equal-mass bins b, on any resample, from one sort.

    Rows are sorted by p. Rows with the same p stay together: they lie in bin ``⌊bins · m⌋``, where m is the middle of their
    place in the cumulated weight (0 to 1). So the value depends on the weighted distribution of (y, p) alone, neither on the
    order of rows nor on whether a row stands there twice or with weight two. Where p takes fewer values than there are bins,
    some bins are empty.

    Source: Naeini, Cooper & Hauskrecht (AAAI 2015); equal-mass bins as in Nguyen & O'Connor (EMNLP 2015).
    The estimate is biased upwards: a calibrated model on n rows shows about ``sqrt(2 · bins · mean(p(1-p)) / (π n))``.

    Args:
        truth: (n,) 0 or 1.
        probability: (n,) in [0, 1].
        weight: (n,) positive.
        clusters: (n,) codes 0..k-1.
        bins: number of bins.
    """

    def __init__(self, truth: Floats, probability: Floats, weight: Floats, clusters: Codes, *, bins: int = BINS) -> None:
        order = np.argsort(probability, kind="stable")
        self._clusters = clusters[order]
        self._weight = weight[order]
        self._gap = (weight * (truth - probability))[order]
        self._starts = tie_starts(probability[order])
        self._inner = np.arange(1, bins)
        self._bins = bins

    def gaps(self, counts: Floats) -> Floats:
        """Counts (b, k) to ``Σ_{i in b} w_i (y_i - p_i) / Σ_i w_i`` (b, bins), whose absolute values add up to the error."""
        drawn = counts[:, self._clusters]
        mass, gap = drawn * self._weight, drawn * self._gap
        if self._starts.size < self._clusters.size:
            mass, gap = np.add.reduceat(mass, self._starts, axis=1), np.add.reduceat(gap, self._starts, axis=1)
        until = np.cumsum(mass, axis=1)
        total = until[:, -1]
        middle = until - mass / 2
        # The cumulated gap with a leading zero, so that a bin's sum is a difference of two of its entries.
        gaps = np.zeros((gap.shape[0], gap.shape[1] + 1))
        np.cumsum(gap, axis=1, out=gaps[:, 1:])
        edges = np.zeros((total.size, self._bins + 1), dtype=np.int64)
        edges[:, -1] = gap.shape[1]
        for row, places in enumerate(middle):
            edges[row, 1:-1] = np.searchsorted(places, total[row] * self._inner / self._bins)
        return np.diff(np.take_along_axis(gaps, edges, axis=1), axis=1) / total[:, None]


def expected_calibration_error(truth: ArrayLike, probability: ArrayLike, weight: ArrayLike | None = None, *, bins: int = BINS) -> float:
    """The expected calibration error of ``probability`` (n,) for ``truth`` (n,) in {0, 1}; see :class:`CalibrationError`.

    Raises:
        DataError: a truth other than 0 or 1, a probability outside [0, 1], a weight that is not positive.
    """
    sample = Sample.of(truth, weight=weight)
    predictions = Predictions.of(probability)
    error = CalibrationError(sample.truth, predictions.probability, sample.weight, sample.clusters, bins=bins)
    return float(np.abs(error.gaps(np.ones((1, sample.rows)))).sum())
