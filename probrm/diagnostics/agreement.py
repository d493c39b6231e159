"""One posterior's draws compared with a trusted one's: shifts of means, ratios of deviations, what the intervals cover."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from jaxtyping import Float
from torch import Tensor

from probrm.posterior.rewards import LEVEL

COVERS, FAILS, ONE, WIDE = 0.85, 0.75, 0.7, 0.97
"""Of intervals that should cover 90 %: the mean over a variable's entries that counts as right, and the one that counts as wrong; the
least that a single entry may have; and the mean from which on they are too wide. Five points are twice what 1,000 draws blur."""


@dataclass(frozen=True)
class Agreement:
    """One variable, over its entries.

    Attributes:
        shift_rms: of the means, in the reference's standard deviations: root mean square.
        shift_max: the largest, in absolute terms.
        sd_ratio_min: of the deviations, ours through the reference's.
        sd_ratio_median: their median.
        sd_ratio_max: the largest.
        coverage: of our central 90 % interval under the reference: mean over the entries.
        coverage_min: the least.
    """

    shift_rms: float
    shift_max: float
    sd_ratio_min: float
    sd_ratio_median: float
    sd_ratio_max: float
    coverage: float
    coverage_min: float

    @property
    def verdict(self) -> str:
        """``agrees``, ``too narrow``, ``shifted`` (less is covered, but not for want of width) or ``too wide``."""
        if self.coverage > WIDE:
            return "too wide"
        if self.coverage >= COVERS and self.coverage_min >= ONE:
            return "agrees"
        width = self.sd_ratio_median if self.coverage < COVERS else self.sd_ratio_min
        return "too narrow" if width < 0.9 else "shifted"

    @property
    def wrong(self) -> bool:
        """Whether the intervals miss so much that they mislead."""
        return self.coverage < FAILS

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self) | {"verdict": self.verdict}


def agreement(
    draws: Float[Tensor, " s *k"] | np.ndarray,
    reference: Float[Tensor, " r *k"] | np.ndarray,
    weights: Float[np.ndarray, " r"] | None = None,
) -> Agreement:
    """Our draws of one variable against the reference's.

    Args:
        draws: ours.
        reference: theirs; may be ours again, with ``weights`` that correct them.
        weights: of the reference's draws, summing to one; None weighs all alike.
    """
    ours, theirs = (np.asarray(x, dtype=np.float64).reshape(len(x), -1) for x in (draws, reference))
    w = np.full(len(theirs), 1 / len(theirs)) if weights is None else weights
    mean = w @ theirs
    sd = np.sqrt(np.maximum(w @ (theirs - mean) ** 2 / max(1 - (w**2).sum(), 1e-12), np.finfo(float).tiny))
    own = ours.std(0, ddof=min(1, len(ours) - 1))
    low, high = np.quantile(ours, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
    covered = w @ ((theirs >= low) & (theirs <= high))
    # What varies in neither is the same number in both, but for the rounding of the weights' sum.
    fixed = np.maximum(sd, own) < 1e-9 * (1 + np.abs(mean))
    covered = np.where(fixed, LEVEL, covered)
    shift, ratio = np.where(fixed, 0.0, np.abs(ours.mean(0) - mean) / sd), np.where(fixed, 1.0, own / sd)
    return Agreement(
        float(np.sqrt((shift**2).mean())),
        float(shift.max()),
        float(ratio.min()),
        float(np.median(ratio)),
        float(ratio.max()),
        float(covered.mean()),
        float(covered.min()),
    )


def agreements(
    draws: Mapping[str, Any], reference: Mapping[str, Any], weights: Float[np.ndarray, " r"] | None = None
) -> dict[str, Agreement]:
    """``agreement`` of every variable that both have, by name."""
    return {name: agreement(value, reference[name], weights) for name, value in sorted(draws.items()) if name in reference}
