"""Effective sample size of inverse propensities."""

from __future__ import annotations

import numpy as np
import pytest

from probrm.diagnostics.overlap import overlap
from probrm.errors import DataError


def test_a_constant_propensity_loses_nothing() -> None:
    found = overlap(np.full(50, 0.2))
    assert found.effective_sample_size == pytest.approx(50, abs=1e-9)
    assert (found.share, found.lowest, found.share_below) == (pytest.approx(1.0), 0.2, 0.0)


def test_two_values_by_hand() -> None:
    # Weights 10 and 2, three rows of each: 36² / (3·100 + 3·4).
    found = overlap(np.array([0.1, 0.5] * 3), floor=0.2)
    assert found.effective_sample_size == pytest.approx(36**2 / 312, abs=1e-9)
    assert found.share_below == 0.5


def test_the_size_is_that_of_the_variance_of_a_weighted_mean() -> None:
    """``var(Σwx/Σw) = σ²/ESS``: Monte Carlo of 20,000 means, within 5 standard errors (3.5 % of the variance)."""
    rng = np.random.default_rng(0)
    propensity = rng.uniform(0.05, 0.9, 40)
    weight = 1 / propensity
    means = rng.normal(size=(20_000, 40)) @ weight / weight.sum()
    assert means.var() == pytest.approx(1 / overlap(propensity).effective_sample_size, rel=5 * np.sqrt(2 / 20_000))


def test_one_row_that_hardly_ever_acts_fires_and_others_stay_quiet() -> None:
    rng = np.random.default_rng(1)
    quiet = rng.uniform(0.3, 0.9, 500)
    assert overlap(quiet).share > 0.8
    assert overlap(np.append(quiet, 1e-5)).share < 0.01
    assert overlap(np.append(quiet, 1e-5)).share_below == pytest.approx(1 / 501)


def test_row_weights_multiply() -> None:
    propensity = np.array([0.1, 0.5, 0.8])
    assert overlap(propensity, weight=propensity).effective_sample_size == pytest.approx(3.0)


def test_tiny_propensities_do_not_overflow() -> None:
    assert overlap(np.array([1e-300, 1e-300, 1.0])).effective_sample_size == pytest.approx(2.0)


@pytest.mark.parametrize("bad", [[0.5, 0.0], [0.5, 1.2], [0.5, np.nan], []])
def test_what_is_no_propensity(bad: list[float]) -> None:
    with pytest.raises(DataError, match=r"\(0, 1\]"):
        overlap(np.array(bad))
