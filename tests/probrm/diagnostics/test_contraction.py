"""Contraction and correlation of intercepts, against conjugate posteriors."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from probrm.diagnostics.contraction import contraction, intercept_correlation
from probrm.errors import DataError


@pytest.mark.parametrize("n", [0, 1, 10, 1000])
def test_contraction_of_a_normal_mean(n: int) -> None:
    """Prior variance v, n observations of variance σ²: posterior variance 1/(1/v + n/σ²), contraction nv/(nv + σ²)."""
    v, noise = 4.0, 9.0
    posterior = (1 / v + n / noise) ** -0.5
    assert contraction(v**0.5, posterior) == pytest.approx(n * v / (n * v + noise), abs=1e-12)


def test_contraction_of_a_rate() -> None:
    prior, posterior = stats.beta(2, 2), stats.beta(2 + 30, 2 + 20)
    assert contraction(prior.std(), posterior.std()) == pytest.approx(1 - posterior.var() / prior.var())
    assert contraction(1.0, np.array([1.0, 0.5, 2.0])).tolist() == [0.0, 0.75, -3.0]


@pytest.mark.parametrize(("prior", "posterior"), [(0.0, 1.0), (-1.0, 1.0), (np.nan, 1.0), (1.0, np.nan), (np.inf, 1.0), (1.0, -1.0)])
def test_no_contraction_of_nothing(prior: float, posterior: float) -> None:
    with pytest.raises(DataError, match="standard deviation"):
        contraction(prior, posterior)


def posterior_of_two(observations: np.ndarray, noise: float) -> np.ndarray:
    """Draws of two standard normal intercepts given noisy linear observations of them, ``(s, 2)``."""
    covariance = np.linalg.inv(np.eye(2) + observations.T @ observations / noise**2)
    return np.random.default_rng(0).multivariate_normal(np.zeros(2), covariance, 4000)


def test_only_the_sum_is_known() -> None:
    """Precision ``I + 11ᵀ/σ²`` has correlation ``−1/(1 + σ²)``; the standard error of 4,000 draws is below .016."""
    draws = posterior_of_two(np.ones((1, 2)), 0.1)
    assert intercept_correlation(draws[:, 0], draws[:, 1]) == pytest.approx(-1 / 1.01, abs=0.005)


def test_each_is_known() -> None:
    draws = posterior_of_two(np.eye(2), 0.1)
    assert abs(intercept_correlation(draws[:, 0], draws[:, 1])) < 0.08


def test_what_does_not_vary_is_uncorrelated() -> None:
    assert intercept_correlation(np.ones(5), np.arange(5.0)) == 0.0
    with pytest.raises(DataError, match="same number"):
        intercept_correlation(np.ones(5), np.ones(4))
