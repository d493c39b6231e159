"""How far answers lie from those that a model was fitted to, by their standardised vectors."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from torch import Tensor

REACH = 0.99
"""Share of the fitted answers within the distance from which on an answer is far."""


def squared_distances(vectors: Float[Tensor, "n d"]) -> Float[np.ndarray, " n"]:
    """``Σ_j z_j² / d`` of standardised vectors z: Mahalanobis' squared distance with a diagonal covariance, over the dimension.

    Its mean over the answers that gave the means and deviations is 1. A full covariance would be estimated from hardly more answers than it has
    columns, and put 7 % of new answers of the same kind beyond 99 % of the fitted ones (example pairs: 1880 answers, 384 columns).
    """
    return vectors.square().mean(1).cpu().numpy()


def reach(vectors: Float[Tensor, "n d"]) -> float:
    """The distance that 99 % of the fitted answers are within."""
    return float(np.quantile(squared_distances(vectors), REACH))
