"""Where and how an answer was shown: the covariates of a simulated log, and what they do to the propensity."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float

SURFACES = ("api", "ide", "mobile", "web")
POSITIONS = 10
SURFACE_SD = 1.6
"""Standard deviation over rows of the log-odds that surfaces contribute."""
POSITION_SD = 1.2
"""The same of the position: together 2, so that propensities of mean .2 reach from about .005 to .95."""


def draw_covariates(n: int, draw: np.random.Generator) -> pd.DataFrame:
    """``surface`` and ``position`` of n rows, uniform and independent of everything."""
    surface = np.array(SURFACES, dtype=object)[draw.integers(len(SURFACES), size=n)]
    return pd.DataFrame({"surface": surface, "position": draw.integers(1, POSITIONS + 1, size=n)})


def surface_and_position(covariates: pd.DataFrame, draw: np.random.Generator) -> tuple[Float[np.ndarray, " n"], dict[str, Any]]:
    """Log-odds from random effects of the surface and a random sign of the position's.

    The effects are standardised, so that the propensity is as uneven under every seed.

    Returns:
        Log-odds without an intercept, and the effects: of each surface, and of one place further down.
    """
    effect = draw.normal(size=len(SURFACES))
    effect = SURFACE_SD * (effect - effect.mean()) / effect.std()
    slope = float(draw.choice([-1.0, 1.0])) * POSITION_SD / float(np.arange(1, POSITIONS + 1).std())
    surface: dict[str, float] = dict(zip(SURFACES, effect.tolist(), strict=True))
    logit = np.array([surface[name] for name in covariates["surface"]])
    logit = logit + slope * (covariates["position"].to_numpy(dtype=np.float64) - (POSITIONS + 1) / 2)
    return logit, {"surface": surface, "position": slope}
