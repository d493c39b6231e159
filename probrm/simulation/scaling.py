"""Propensities with a given mean: a factor or an intercept is solved for."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from scipy.optimize import brentq
from scipy.special import expit, logit


def capped(raw: Float[np.ndarray, " n"], rate: float) -> tuple[Float[np.ndarray, " n"], float]:
    """``min(1, c · raw)`` with the ``c`` that gives it the mean ``rate``.

    The mean of the k largest being capped is a linear equation in ``c``; the right k is the first whose ``c`` leaves the next one
    below 1.

    Args:
        raw: n positive numbers.
        rate: in (0, 1).

    Returns:
        The capped numbers, and ``c``.
    """
    ordered = np.sort(raw)[::-1]
    rest = np.cumsum(ordered[::-1])[::-1]  # of those from the k-th largest on
    k = np.arange(len(raw))
    factors = (rate * len(raw) - k) / rest
    fits = (factors > 0) & (factors * ordered <= 1 + 1e-12)
    factor = float(factors[fits.argmax()])
    return np.minimum(1.0, factor * raw), factor


def logistic(effect: Float[np.ndarray, " n"], rate: float) -> tuple[Float[np.ndarray, " n"], float]:
    """``σ(b + effect)`` with the ``b`` that gives it the mean ``rate``.

    Returns:
        The probabilities, and ``b``.
    """
    centre = float(logit(rate))
    # With b at these ends every single row lies below, or above, the mean that is asked for.
    ends = centre - float(effect.max()) - 1e-6, centre - float(effect.min()) + 1e-6
    intercept = float(brentq(lambda b: float(expit(b + effect).mean()) - rate, *ends, xtol=1e-12))  # type: ignore[arg-type]
    return expit(intercept + effect), intercept
