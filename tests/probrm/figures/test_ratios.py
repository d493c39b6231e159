from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from probrm.figures import importance_ratios
from probrm.figures.ratios import tail_length
from tests.probrm.figures.drawn import check_look, points, texts


def test_ratios_are_sorted_and_have_mean_one() -> None:
    log_guide = stats.norm.logpdf(x := np.random.default_rng(0).normal(size=500))
    figure = importance_ratios(stats.norm.logpdf(x, 0.3) + 7.0, log_guide, {"k_hat": 0.31, "threshold": 0.63, "verdict": "good"})
    assert figure is not None
    axes = figure.axes[0]
    body, tail = points(axes, 0), points(axes, 1)
    ratio = np.exp(stats.norm.logpdf(x, 0.3) - log_guide)
    np.testing.assert_allclose(np.concatenate([tail[1], body[1]]), np.sort(ratio / ratio.mean())[::-1], rtol=1e-9)
    np.testing.assert_allclose(np.concatenate([tail[0], body[0]]), np.arange(1, 501) / 500)
    assert len(tail[0]) == tail_length(500)
    assert any("0.31" in text.get_text() and "good" in text.get_text() for text in axes.texts)
    assert f"{ratio.sum() ** 2 / (ratio**2).sum():.0f}" in texts(figure)
    check_look(figure)


def test_the_fitted_tail_is_that_of_a_pareto_distribution(seed_shift: int) -> None:
    """40,000 exact Pareto ratios of shape ½: a straight line of slope −½ in log-log axes.

    The shape's standard error from a tail of 600 is (1 + ½) / √600 = .061; held to 5 of them.
    """
    ratios = stats.pareto.rvs(2.0, size=40_000, random_state=np.random.default_rng(seed_shift))
    figure = importance_ratios(np.log(ratios), np.zeros(40_000))
    assert figure is not None
    x, y = points(figure.axes[0], 2)
    slope = np.polyfit(np.log(x), np.log(y), 1)[0]
    assert slope == pytest.approx(-0.5, abs=0.31)
    assert slope < 0


def test_few_or_equal_ratios() -> None:
    assert importance_ratios(np.zeros(10), np.zeros(10)) is None
    figure = importance_ratios(np.zeros(100), np.zeros(100))
    assert figure is not None
    check_look(figure)


def test_draws_that_are_impossible_are_left_out() -> None:
    log_density = np.random.default_rng(0).normal(size=100)
    log_density[0] = -np.inf
    figure = importance_ratios(log_density, np.zeros(100))
    assert figure is not None
    assert "99 draws" in texts(figure)
