"""What pairs that share a response tell of τ, against quadrature and simulated responses."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor

from probrm.priors import HalfNormal
from probrm_models.vrm.warm_start.own_parts import LARGEST, components, residual_posterior

PRIOR = HalfNormal(1.0)


def chains(prompts: int, tau: float, *, shared: bool, seed: int, slope: float = 1.5) -> tuple[Tensor, Tensor, Tensor]:
    """Three pairs a prompt in a chain of four responses, or of six responses: logits of average responses, and each pair's numbers, winner first."""
    draw = torch.Generator().manual_seed(seed)
    k = 4 if shared else 6
    ends = torch.tensor([[0, 1], [1, 2], [2, 3]] if shared else [[0, 1], [2, 3], [4, 5]])
    average = slope * torch.randn(prompts, k, generator=draw)
    rewards = (1 + math.pi / 4 * tau**2) ** 0.5 * average + tau * torch.randn(prompts, k, generator=draw)
    left, right = ends.T
    won = torch.rand(prompts, 3, generator=draw) < (rewards[:, left] - rewards[:, right]).sigmoid()
    place = k * torch.arange(prompts)[:, None]
    chosen, rejected = torch.where(won, left, right), torch.where(won, right, left)
    logit = average.gather(1, chosen) - average.gather(1, rejected)
    return logit.flatten(), (chosen + place).flatten(), (rejected + place).flatten()


def found(logit: Tensor, chosen: Tensor, rejected: Tensor) -> tuple[float, float]:
    ones = torch.ones_like(logit)
    return residual_posterior(logit, chosen, rejected, PRIOR, outcome=ones, weight=ones)


def test_components() -> None:
    label, size = components(torch.tensor([0, 1, 4, 6]), torch.tensor([1, 2, 5, 4]))
    assert label[0] == label[1] != label[2] == label[3]
    assert size.tolist() == [3, 3, 3, 3]


def test_pairs_by_themselves_leave_the_prior() -> None:
    """And so do those of components too large for draws from the prior."""
    middle, sd = found(*chains(200, 2.0, shared=False, seed=0))
    half = stats.halfnorm
    assert middle == pytest.approx(math.log(half.median()), abs=0.05)
    assert middle + 1.645 * sd == pytest.approx(math.log(half.ppf(0.95)), abs=0.1)
    star = torch.arange(1, LARGEST + 2)
    assert found(torch.zeros(len(star)), star, torch.zeros_like(star)) == pytest.approx((middle, sd), abs=1e-6)


def test_the_posterior_is_that_of_quadrature() -> None:
    """Two pairs of one response each: two of the three normal numbers by Gauss–Hermite, twelve such components alike."""
    logit = torch.tensor([0.4, -0.9]).repeat(12)
    chosen, rejected = torch.tensor([0, 0]).repeat(12), torch.tensor([1, 2]).repeat(12)
    place = 3 * torch.arange(12).repeat_interleave(2)
    middle, sd = found(logit, chosen + place, rejected + place)
    z, mass = np.polynomial.hermite_e.hermegauss(40)
    mass = mass / mass.sum()
    tau = np.linspace(1e-3, 5, 800)
    log_p = np.array([12 * _together(t, z, mass) for t in tau]) + stats.halfnorm.logpdf(tau)
    density = np.exp(log_p - log_p.max())
    below = density.cumsum() / density.sum()
    exact = [math.log(np.interp(q, below, tau)) for q in (0.5, 0.95)]
    assert middle == pytest.approx(exact[0], abs=0.1)
    assert middle + 1.645 * sd == pytest.approx(exact[1], abs=0.1)


def _together(t: float, z: np.ndarray, mass: np.ndarray) -> float:
    """Log likelihood of two pairs together, less that of each by itself."""
    shared, own = z[:, None], z[None, :]
    stretch = math.sqrt(1 + math.pi / 4 * t * t)
    one, two = ((1 / (1 + np.exp(-stretch * f - t * (shared - own)))) @ mass for f in (0.4, -0.9))
    return math.log((one * two) @ mass) - math.log(one @ mass) - math.log(two @ mass)


def test_it_finds_how_far_responses_are_from_their_embeddings() -> None:
    for tau in (0.05, 0.7, 1.5):
        middle, sd = found(*chains(3000, tau, shared=True, seed=1))
        low, high = math.exp(middle - 2.6 * sd), math.exp(middle + 2.6 * sd)
        assert low < max(tau, 0.1) < high, (tau, low, high)
        assert high < tau + 0.6


def test_pairs_that_share_nothing_in_truth_say_that_tau_is_small() -> None:
    """The negative control: of independent pairs that are said to share responses nothing goes together."""
    logit, chosen, _ = chains(3000, 1.5, shared=False, seed=2)
    left = 4 * torch.arange(3000).repeat_interleave(3) + torch.tensor([0, 1, 2]).repeat(3000)
    won = chosen % 2 == 0
    middle, sd = found(logit, torch.where(won, left, left + 1), torch.where(won, left + 1, left))
    assert math.exp(middle + 1.645 * sd) < 0.8
