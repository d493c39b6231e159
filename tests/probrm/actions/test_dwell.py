"""Seconds: a log-normal, in standard units."""

from __future__ import annotations

import math

import pytest
import torch
from scipy.stats import lognorm

from probrm.actions import Dwell


@pytest.mark.usefixtures("double")
def test_the_density_is_scipys() -> None:
    seconds = torch.tensor([0.01, 0.5, 3.0, 900.0])
    location, width, centre, spread = 0.4, 0.7, 2.1, 1.3
    expected = lognorm.logpdf(seconds.numpy(), s=spread * width, scale=math.exp(centre + spread * location))
    found = Dwell(torch.full((4,), location), torch.tensor([width]), centre, spread).log_prob(seconds)
    assert found.tolist() == pytest.approx(list(expected), abs=1e-9)


def test_many_draws_at_once() -> None:
    location, width = torch.randn(5, 3), torch.rand(5, 1) + 0.5
    seconds = torch.tensor([1.0, 2.0, 30.0])
    found = Dwell(location, width).log_prob(seconds)
    assert found.shape == (5, 3)
    torch.testing.assert_close(found[1], Dwell(location[1], width[1]).log_prob(seconds))


def test_draws_have_its_mean_and_deviation() -> None:
    """20,000 draws, both within 5 standard errors (a correct sampler fails once in 10⁶ seeds)."""
    n = 20_000
    logs = (Dwell(torch.full((n,), 0.5), torch.tensor(0.8), 2.0, 1.5).sample().log() - 2.0) / 1.5
    assert abs(float(logs.mean()) - 0.5) < 5 * 0.8 / math.sqrt(n)
    assert abs(float(logs.std()) / 0.8 - 1) < 5 / math.sqrt(2 * n)
