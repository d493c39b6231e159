"""Calibration of a preference probability and of its two bounds, as RewardUQ has them: equal-width bins, each pair both ways round.

Source: Yang et al. 2026 (arXiv 2602.24040), ``metrics.py`` of lasgroup/rewarduq. With the margins m of each pair, σ the logistic function:

    p = σ(mean), l = σ(low), u = σ(high)    of the pair as it stands, whose outcome y is 1
    1 − p, 1 − u, 1 − l                      of the pair turned round, whose outcome is 0

Rows are put into 20 bins of equal width, once by p, once by l, once by u, and with n_b rows of N in bin b

    ECE  = Σ_b n_b/N |mean p − mean y|,   ELCE = Σ_b n_b/N max(mean l − mean y, 0),   EUCE = Σ_b n_b/N max(mean y − mean u, 0)

A lower bound is wrong only where it lies above the observed frequency, an upper one where it lies below. Turned round, one is the other, so
ELCE and EUCE are equal, up to probabilities on a bin's edge.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike
from scipy.special import expit

from probrm.evaluation.margins import Margins
from probrm.evaluation.sample import Codes, Floats

BINS = 20
Bound = Literal["mean", "low", "high"]
ERRORS: dict[Bound, str] = {"mean": "ece_20", "low": "elce", "high": "euce"}
"""Names of the three errors, by the part of the margins that they look at."""


class BoundError:
    """One of the three errors of m pairs on any resample, from sums by cluster.

    ``n_b/N (mean q − mean y)`` is ``Σ_{i in b} w_i (q_i − y_i) / Σ_i w_i``, so a resample needs nothing but sums.

    Args:
        margins: of m pairs.
        bound: which part of them.
        weight: (m,) positive.
        clusters: (m,) codes 0..k-1.
        size: k.
        bins: number of bins.
    """

    def __init__(self, margins: Margins, bound: Bound, weight: Floats, clusters: Codes, size: int, *, bins: int = BINS) -> None:
        self.bound: Bound = bound
        turned = {"mean": margins.mean, "low": margins.high, "high": margins.low}[bound]
        q = np.r_[expit(getattr(margins, bound)), expit(-turned)]
        truth = np.repeat([1.0, 0.0], len(margins))
        place = np.digitize(q, np.linspace(0.0, 1.0, bins + 1)[1:-1])  # an edge belongs to the bin above it
        cell = np.tile(clusters, 2) * bins + place
        self._gaps = np.bincount(cell, np.tile(weight, 2) * (q - truth), minlength=size * bins).reshape(size, bins)
        self._mass = 2 * np.bincount(clusters, weight, minlength=size)

    def gaps(self, counts: Floats) -> Float[np.ndarray, "b bins"]:
        """Counts (b, k) to ``n_b/N (mean q − mean y)``; an empty bin has 0."""
        return (counts @ self._gaps) / (counts @ self._mass)[:, None]

    def error(self, gaps: Float[np.ndarray, "b bins"]) -> Floats:
        """The error (b,) of these gaps."""
        if self.bound == "mean":
            return np.abs(gaps).sum(1)
        return np.maximum(gaps if self.bound == "low" else -gaps, 0.0).sum(1)


def bound_calibration_errors(margins: Margins, weight: ArrayLike | None = None, *, bins: int = BINS) -> dict[str, float]:
    """``ece_20``, ``elce`` and ``euce`` of m pairs, see the module.

    Args:
        margins: of m pairs whose first response was chosen.
        weight: (m,) positive; ones by default.
        bins: number of bins of equal width over [0, 1].
    """
    m = len(margins)
    weights, clusters, once = np.ones(m) if weight is None else np.asarray(weight, np.float64), np.zeros(m, np.int64), np.ones((1, 1))
    errors = (BoundError(margins, bound, weights, clusters, 1, bins=bins) for bound in ERRORS)
    return {ERRORS[one.bound]: float(one.error(one.gaps(once))[0]) for one in errors}
