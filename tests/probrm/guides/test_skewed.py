"""The skewed normal: a density, with the moments that its parameters name."""

from __future__ import annotations

import math

import pytest
import torch
from scipy import stats
from scipy.integrate import quad

from probrm.guides.families import DiagonalNormal
from probrm.guides.skewed import SkewedNormal


def skewed(skew: float) -> SkewedNormal:
    return SkewedNormal(*(torch.tensor(x, dtype=torch.float64) for x in (0.3, 0.7, skew)))


@pytest.mark.parametrize("skew", [-1.5, -0.4, 0.0, 0.8])
def test_density_integrates_to_one_with_mean_and_deviation_as_named(skew: float) -> None:
    density = skewed(skew)

    def moment(power: int) -> float:
        return quad(lambda x: (x - 0.3) ** power * math.exp(float(density.log_prob(torch.tensor(x).double()))), -20, 20, limit=200)[0]

    assert moment(0) == pytest.approx(1, abs=1e-6)
    assert moment(1) == pytest.approx(0, abs=1e-6)
    assert moment(2) == pytest.approx(0.49, abs=1e-6)
    assert (moment(3) > 1e-3) - (moment(3) < -1e-3) == (skew > 0) - (skew < 0)


def test_without_skew_it_is_a_normal() -> None:
    x = torch.linspace(-3, 3, 13).double()
    assert torch.allclose(skewed(0.0).log_prob(x), torch.distributions.Normal(0.3, 0.7).log_prob(x))


@pytest.mark.parametrize("skew", [-1.0, 0.5])
def test_draws_follow_the_density(skew: float) -> None:
    """Kolmogorov–Smirnov over 20,000 draws at level 1e-4, the density integrated on a fine grid."""
    torch.manual_seed(0)
    density = skewed(skew)
    grid = torch.linspace(-12, 12, 200_001).double()
    mass = density.log_prob(grid).exp().cumsum(0)
    u = torch.searchsorted(grid, density.rsample((20_000,)))
    assert stats.kstest((mass / mass[-1])[u.clamp_max(len(grid) - 1)].numpy(), "uniform").pvalue > 1e-4


def test_a_family_leans_only_where_it_may() -> None:
    family = DiagonalNormal(4, held=0, skewed=torch.tensor([False, True, False, True]))
    assert family.skew is not None
    family.skew.data += 1.0
    assert family().base_dist.skew.tolist() == [0.0, 1.0, 0.0, 1.0]
    assert DiagonalNormal(4).skew is None
