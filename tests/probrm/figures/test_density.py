from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pyro
import pyro.distributions as dist
import torch
from scipy import stats

from probrm.figures import densities, prior_densities, single_quantities
from probrm.model import RewardModel
from probrm.priors import Beta, HalfNormal, Normal
from tests.probrm.figures.drawn import check_look, points, texts


class Process:
    """A model as far as its priors go."""

    axes = RewardModel.axes

    def globals(self) -> dict[str, Any]:
        rate = Beta(2.0, 3.0).sample("rate")
        weights = Normal(0.0, HalfNormal(2.0)).sample("weights", (2,))
        return {
            "rate": rate,
            "weights": weights,
            "effects": Normal(1.0, 0.5).sample("effects", (2,)),
            "child": pyro.sample("child", dist.Normal(rate, 1.0)),
        }

    def dims(self) -> dict[str, tuple[str, ...]]:
        return {"effects": ("effect",)}

    def coords(self) -> dict[str, list[str]]:
        return {"effect": ["web", "hour"]}


def test_priors_are_the_closed_forms_and_hierarchical_ones_are_left_out() -> None:
    found = prior_densities(Process())  # type: ignore[arg-type]
    assert set(found) == {"rate", "weights_scale", "effects[web]", "effects[hour]"}
    grid = np.array([-0.5, 0.2, 0.9, 1.5])
    expected: Any
    for name, expected in (
        ("rate", stats.beta(2, 3)),
        ("weights_scale", stats.halfnorm(scale=2)),
        ("effects[hour]", stats.norm(1, 0.5)),
    ):
        np.testing.assert_allclose(found[name](grid), expected.pdf(grid), rtol=1e-5, atol=1e-12)


def test_single_quantities_scalars_first() -> None:
    draws = {"effects": torch.tensor([[1.0, 2.0]]), "long": torch.zeros(1, 7), "rate": torch.tensor([0.5])}
    found = single_quantities(Process(), draws)  # type: ignore[arg-type]
    assert {name: value.tolist() for name, value in found.items()} == {"rate": [0.5], "effects[web]": [1.0], "effects[hour]": [2.0]}
    assert next(iter(found)) == "rate"


def test_histogram_interval_and_prior() -> None:
    draws = np.random.default_rng(0).beta(4, 4, 500)
    prior = partial(stats.beta.pdf, a=2, b=2)
    figure = densities({"rate": draws}, {"rate": prior}, ranges={"rate": (0.0, 1.0)}, units={"rate": "a share"})
    axes = figure.axes[0]
    steps: Any = axes.patches[0]
    heights, edges, _ = steps.get_data()
    assert np.sum(heights * np.diff(edges)) == np.float64(1) or abs(np.sum(heights * np.diff(edges)) - 1) < 1e-12
    x, y = points(axes, 0)
    np.testing.assert_allclose(y, prior(x))
    np.testing.assert_allclose(points(axes, 1)[0], np.quantile(draws, [0.05, 0.95]))
    np.testing.assert_allclose(points(axes, 2)[0], [draws.mean()])
    assert axes.get_xlabel() == "a share"
    check_look(figure)


def test_a_point_estimate_is_a_line() -> None:
    figure = densities({"rate": np.array([0.4])}, {})
    assert list(points(figure.axes[0])[0]) == [0.4, 0.4]
    assert "point estimates" in texts(figure)
    check_look(figure)


def test_constant_draws_and_a_prior_with_a_pole() -> None:
    figure = densities({"rate": np.full(100, 0.4), "other": np.linspace(0.01, 0.1, 100)}, {"other": partial(stats.beta.pdf, a=0.1, b=1)})
    check_look(figure)
