"""Whether a sampler's chains have converged, in four numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from probrm.posterior.summary import Variable

R_HAT, EFFECTIVE = 1.01, 400
"""What Vehtari et al. (2021, arXiv 1903.08008) ask for."""
ROUGH_R_HAT, ROUGH_EFFECTIVE, ROUGH_DIVERGING = 1.05, 100, 0.01
"""Beyond these a sample is no basis for anything; the last is a share of the draws."""


@dataclass(frozen=True)
class SamplerQuality:
    """The worst entry of all variables.

    Attributes:
        chains: run.
        draws: of all chains together.
        r_hat: the largest R̂; NaN for one chain.
        ess_bulk: the least effective number of draws behind a mean.
        ess_tail: behind an end of an interval.
        divergences: draws whose trajectory diverged.
    """

    chains: int
    draws: int
    r_hat: float
    ess_bulk: float
    ess_tail: float
    divergences: int

    @property
    def rough(self) -> bool:
        """Whether it serves for a comparison at least."""
        agree = self.r_hat < ROUGH_R_HAT
        return agree and self.ess_bulk >= ROUGH_EFFECTIVE and self.divergences <= ROUGH_DIVERGING * self.draws

    @property
    def fine(self) -> bool:
        """Whether it is what is asked of a sample that intervals are read from."""
        return self.r_hat < R_HAT and min(self.ess_bulk, self.ess_tail) >= EFFECTIVE and not self.divergences

    def __str__(self) -> str:
        r_hat = "one chain, no R̂" if math.isnan(self.r_hat) else f"R̂ at most {self.r_hat:.3f}"
        return f"{r_hat}, effective draws {self.ess_bulk:.0f} (tails {self.ess_tail:.0f}) at least, {self.divergences} divergences"

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def sampler_quality(table: Mapping[str, Variable], chains: int, diverging: np.ndarray | None) -> SamplerQuality:
    """From a summary with effective draws and R̂.

    Args:
        table: of ``summarise(…, sampled=True)``.
        chains: that the draws are of.
        diverging: ``(s,)``, whether each draw's trajectory diverged.
    """

    def worst(name: str, of: Any) -> float:
        found = np.concatenate([np.ravel(getattr(variable, name)) for variable in table.values()])
        found = found[np.isfinite(found)]  # a variable that does not vary has none
        return float(of(found)) if len(found) else math.nan

    draws = 0 if diverging is None else len(diverging)
    count = 0 if diverging is None else int(np.sum(diverging))
    return SamplerQuality(chains, draws, worst("r_hat", np.max), worst("ess_bulk", np.min), worst("ess_tail", np.min), count)
