"""How far inverse propensities spread: what a log can say about answers that are rarely acted on."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from probrm.errors import DataError

Array = np.ndarray
FLOOR = 0.05
"""Propensities below it count as hardly ever."""


@dataclass(frozen=True)
class Overlap:
    """Positivity of the propensities of a log.

    Attributes:
        effective_sample_size: under inverse-propensity weighting, in rows.
        share: the same divided by the number of rows, in (0, 1]; 1 for a constant propensity.
        lowest: the smallest propensity.
        floor: the threshold below.
        share_below: of the rows, those whose propensity is below the floor.
    """

    effective_sample_size: float
    share: float
    lowest: float
    floor: float
    share_below: float

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def overlap(propensity: Float[Array, " n"], *, weight: Float[Array, " n"] | None = None, floor: float = FLOOR) -> Overlap:
    """Effective sample size ``(Σw)² / Σw²`` of weights ``w = 1 / propensity`` (Kish 1965), and how many rows hardly ever act.

    Positivity is what every correction by propensities needs (Petersen et al. 2012, Diagnosing and Responding to
    Violations in the Positivity Assumption): the variance of an inverse-propensity mean is that of so many rows.

    Args:
        propensity: probability of acting of each row, in (0, 1].
        weight: of the rows in the log, positive; they multiply the inverse propensities.
        floor: propensities below it are counted.

    Raises:
        DataError: no rows, or a number outside (0, 1].
    """
    propensity = np.asarray(propensity, dtype=np.float64)
    bad = np.flatnonzero(~((propensity > 0) & (propensity <= 1)))
    if not len(propensity) or len(bad):
        found = f"row {bad[0] + 1} is {propensity[bad[0]]} ({len(bad)} such rows)" if len(bad) else "there are none"
        raise DataError(f"propensities: {found}; allowed: numbers in (0, 1]", fix="leave those rows out, or estimate their propensity")
    weight = np.ones(len(propensity)) if weight is None else np.asarray(weight, dtype=np.float64)
    inverse = weight * (propensity.min() / propensity)  # the common factor keeps tiny propensities from overflowing
    size = float(inverse.sum() ** 2 / np.square(inverse).sum())
    below = float(weight[propensity < floor].sum() / weight.sum())
    return Overlap(size, size / len(propensity), float(propensity.min()), floor, below)
