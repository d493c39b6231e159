"""By how much the chosen response of a pair is better, with an interval: from two marginal intervals, or from joint draws.

Two rewards of one pair are correlated, because one posterior over the weights moves both. Whether their marginal intervals overlap does not
tell whether their difference is known to be positive: ``Var(a − b) = Var(a) + Var(b) − 2 Cov(a, b)``. RewardUQ (Yang et al. 2026,
arXiv 2602.24040) reads confidence off the marginal intervals; both readings are kept here, side by side.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from probrm.errors import DataError
from probrm.evaluation.sample import Codes

Bounds = Float[np.ndarray, "3 m"]
"""Posterior mean, lower end and upper end, a column a pair."""


@dataclass(frozen=True)
class Margins:
    """Reward of the chosen response less that of the other one, in logits, of m pairs.

    Attributes:
        mean: (m,).
        low: (m,) lower bounds.
        high: (m,) upper bounds.
    """

    mean: Float[np.ndarray, " m"]
    low: Float[np.ndarray, " m"]
    high: Float[np.ndarray, " m"]

    @classmethod
    def of(cls, mean: ArrayLike, low: ArrayLike, high: ArrayLike) -> Margins:
        """Checks and converts to float64.

        Raises:
            DataError: a number that is not finite, or bounds the wrong way round (pairs counted from 1).
            ValueError: shapes differ.
        """
        columns = [np.asarray(values, dtype=np.float64) for values in (mean, low, high)]
        if columns[0].ndim != 1 or any(column.shape != columns[0].shape for column in columns):
            raise ValueError(f"margins have shapes {[column.shape for column in columns]}; expected (m,) three times")
        bad = ~np.isfinite(columns).all(0) | (columns[1] > columns[2])
        if bad.any():
            at = int(bad.argmax())
            raise DataError(
                f"evaluation, pair {at + 1}: margin {columns[0][at]:g} with the interval [{columns[1][at]:g}, {columns[2][at]:g}] "
                f"({int(bad.sum())} such pairs); allowed: finite numbers, the lower bound first",
                fix="take mean and bounds of the same posterior draws",
            )
        return cls(*columns)

    def kept(self, pairs: Codes) -> Margins:
        """The margins of some of the pairs."""
        return Margins(self.mean[pairs], self.low[pairs], self.high[pairs])

    def __len__(self) -> int:
        return self.mean.size


@dataclass(frozen=True)
class PairIntervals:
    """What a posterior says of both rewards of m pairs and of their difference; equal levels throughout.

    Attributes:
        chosen: reward of the chosen response.
        rejected: reward of the other one.
        difference: the first less the second, both of the same posterior draw.
    """

    chosen: Bounds
    rejected: Bounds
    difference: Bounds

    @property
    def marginal(self) -> Margins:
        """From the two marginal intervals, as in RewardUQ: lower end less upper end, and upper less lower."""
        (mean, low, high), (other, other_low, other_high) = self.chosen, self.rejected
        return Margins.of(mean - other, low - other_high, high - other_low)

    @property
    def joint(self) -> Margins:
        """From the draws of the difference."""
        return Margins.of(*self.difference)
