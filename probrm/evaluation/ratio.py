"""Statistics that are a weighted mean: nothing but sums by cluster is needed to resample them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from probrm.evaluation.sample import Codes, Floats


def sums(codes: Codes, values: Floats, size: int) -> Floats:
    """The sums of ``values`` (n,) by code, (size,)."""
    return np.bincount(codes, values, minlength=size).astype(np.float64)


@dataclass(frozen=True)
class Ratio:
    """``Σ_c count_c · numerator_c / Σ_c count_c · denominator_c`` over clusters c.

    Attributes:
        numerator: (k,) sums by cluster.
        denominator: (k,) sums by cluster.
    """

    numerator: Floats
    denominator: Floats

    @classmethod
    def mean(cls, values: Floats, weight: Floats, clusters: Codes) -> Ratio:
        """The weighted mean of ``values`` (n,), rows with NaN left out."""
        known = np.isfinite(values)
        weight = np.where(known, weight, 0.0)
        size = int(clusters.max()) + 1
        return cls(sums(clusters, weight * np.where(known, values, 0.0), size), sums(clusters, weight, size))

    @property
    def value(self) -> float:
        """The ratio on the data themselves; NaN where the denominator is zero."""
        return float(self(np.ones((1, self.numerator.size)))[0])

    def __call__(self, counts: Floats) -> Floats:
        """Counts (b, k) to values (b,); NaN where a resample's denominator is zero."""
        above, below = counts @ self.numerator, counts @ self.denominator
        return np.divide(above, below, out=np.full(above.shape, np.nan), where=below > 0)
