"""Contraction: how much narrower the posterior is than the prior, and which intercepts it cannot separate."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from probrm.errors import DataError

Array = np.ndarray


def contraction(prior_sd: float | Float[Array, "*k"], posterior_sd: float | Float[Array, "*k"]) -> Float[Array, "*k"]:
    """``1 − (posterior sd / prior sd)²``: the share of the prior's variance that the data removed.

    0 where the data say nothing, towards 1 where they decide, below 0 where they contradict the prior (Schad, Betancourt &
    Vasishth 2021, Toward a Principled Bayesian Workflow, eq. 7). Both are standard deviations of the same quantity, so of a
    rate itself and not of its logit beside the rate's prior.

    Raises:
        DataError: a prior sd that is not positive and finite, or a posterior sd that is negative or no number.
    """
    prior, posterior = np.asarray(prior_sd, dtype=np.float64), np.asarray(posterior_sd, dtype=np.float64)
    if not (np.all(prior > 0) and np.all(np.isfinite(prior)) and np.all(posterior >= 0)):
        raise DataError(
            f"contraction from a standard deviation of {prior_sd} to {posterior_sd}: the first must be positive, neither may be missing",
            fix="take it of a quantity that has a proper prior",
        )
    return 1.0 - np.square(posterior / prior)


def intercept_correlation(draws_a: Float[Array, " s"], draws_b: Float[Array, " s"]) -> float:
    """Posterior correlation of two scalars; near −1 where the data know their sum and not the two.

    For the intercepts of reward and propensity that is the sign of a product whose level alone is known:
    ``log γ + log μ`` is given and a rise of one is a fall of the other.

    Args:
        draws_a: of the one, at least 3.
        draws_b: of the other, from the same draws.

    Returns:
        In [−1, 1]; 0 where one of them does not vary.

    Raises:
        DataError: different numbers of draws, or fewer than 3.
    """
    a, b = np.asarray(draws_a, dtype=np.float64), np.asarray(draws_b, dtype=np.float64)
    if a.shape != b.shape or a.ndim != 1 or len(a) < 3:
        raise DataError(f"draws of shapes {a.shape} and {b.shape}: allowed: the same number of each, at least 3", fix="take scalar sites")
    a, b = a - a.mean(), b - b.mean()
    size = np.linalg.norm(a) * np.linalg.norm(b)
    return float(np.clip(a @ b / size, -1.0, 1.0)) if size > 0 else 0.0
