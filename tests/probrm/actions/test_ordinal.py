"""The cumulative logit model against scipy, against the definition, and against its own draws."""

from __future__ import annotations

import math

import pytest
import torch
from scipy.stats import logistic

from probrm.actions import Ordinal, cut_points

CUTS = [-1.2, 0.3, 0.9, 2.5]


@pytest.mark.usefixtures("double")
def test_levels_have_the_logistic_curves_mass_between_their_cut_points() -> None:
    edges = [-math.inf, *CUTS, math.inf]
    location = torch.tensor([-3.0, -0.4, 0.0, 1.7, 6.0])
    for j in range(5):
        expected = [
            logistic.logcdf(edges[j + 1] - x) + math.log1p(-math.exp(_below(edges[j] - x) - _below(edges[j + 1] - x)))
            for x in location.tolist()
        ]
        found = Ordinal(location, torch.tensor(CUTS)).log_prob(torch.full((5,), float(j)))
        assert found.tolist() == pytest.approx(expected, abs=1e-9)


def _below(x: float) -> float:
    return float(logistic.logcdf(x))


@pytest.mark.usefixtures("double")
def test_probabilities_sum_to_one_for_many_draws_at_once() -> None:
    location, cuts = torch.randn(7, 3), torch.randn(7, 4).sort(-1).values
    d = Ordinal(location, cuts)
    total = sum(d.log_prob(torch.full((3,), float(j))).exp() for j in range(5))
    torch.testing.assert_close(total, torch.ones(7, 3))
    one = Ordinal(location[2], cuts[2]).log_prob(torch.tensor([0.0, 2.0, 4.0]))
    torch.testing.assert_close(d.log_prob(torch.tensor([0.0, 2.0, 4.0]))[2], one)


@pytest.mark.usefixtures("double")
def test_two_levels_are_a_coin() -> None:
    location = torch.linspace(-4, 4, 9)
    found = Ordinal(location, torch.tensor([0.7])).log_prob(torch.ones(9))
    torch.testing.assert_close(found, torch.nn.functional.logsigmoid(location - 0.7))


@pytest.mark.usefixtures("double")
def test_hazards_are_those_of_the_levels() -> None:
    hazards = torch.tensor([0.2, 0.5, 0.01, 0.9])
    cuts = cut_points(hazards)
    assert bool((cuts.diff() > 0).all())
    p = torch.stack([Ordinal(torch.zeros(1), cuts).log_prob(torch.tensor([float(j)])).exp()[0] for j in range(5)])
    left = torch.cat([torch.ones(1), 1 - p.cumsum(0)[:-1]])
    torch.testing.assert_close((p / left)[:4], hazards)


def test_the_prior_of_the_hazards_is_uniform_over_the_levels_probabilities() -> None:
    """20,000 draws: mean and variance of each level's probability are those of Dirichlet(1, 1, 1, 1), within 5 standard errors (1 in 10⁵)."""
    hazards = torch.distributions.Beta(torch.ones(3), torch.tensor([3.0, 2.0, 1.0])).sample(torch.Size([20_000]))
    cuts = cut_points(hazards)
    p = torch.stack([Ordinal(torch.zeros(20_000, 1), cuts).log_prob(torch.tensor([float(j)])).exp()[:, 0] for j in range(4)])
    variance = 3 / (16 * 5)
    assert (p.mean(1) - 0.25).abs().max() < 5 * math.sqrt(variance / 20_000)
    assert (p.var(1) / variance - 1).abs().max() < 5 * math.sqrt(2 / 20_000) * 1.5  # the kurtosis is below a normal one's


def test_extreme_locations_leave_values_and_gradients_finite() -> None:
    location = torch.tensor([-80.0, -80.0, 80.0, 80.0, 0.0], requires_grad=True)
    cuts = torch.tensor([-1.0, -1.0 + 1e-8, 3.0], requires_grad=True)
    density = Ordinal(location, cuts).log_prob(torch.tensor([0.0, 3.0, 0.0, 3.0, 1.0]))
    assert bool(torch.isfinite(density).all())
    assert all(bool(torch.isfinite(g).all()) for g in torch.autograd.grad(density.sum(), [location, cuts]))


def test_second_derivatives_are_those_of_finite_differences() -> None:
    location = torch.tensor([0.3, -0.5, 1.0, 0.1], dtype=torch.float64, requires_grad=True)
    hazards = torch.tensor([0.3, 0.4, 0.5], dtype=torch.float64, requires_grad=True)
    level = torch.tensor([0.0, 1.0, 2.0, 3.0])
    assert torch.autograd.gradgradcheck(lambda x, h: Ordinal(x, cut_points(h)).log_prob(level), (location, hazards))


def test_draws_come_at_their_rates() -> None:
    """40,000 draws of one kind: each level within 5 standard errors (a correct sampler fails once in 10⁵ seeds)."""
    n = 40_000
    d = Ordinal(torch.full((n,), 0.6), torch.tensor(CUTS))
    drawn = d.sample()
    for j in range(5):
        p = float(d.log_prob(torch.full((n,), float(j)))[0].exp())
        assert abs(float((drawn == j).float().mean()) - p) < 5 * math.sqrt(p * (1 - p) / n)
