from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.special import log_expit

from probrm.actions import Preference

GRID = torch.linspace(-6, 6, 25, dtype=torch.float64)
OUTCOMES = torch.tensor([1.0, 0.5, 0.0], dtype=torch.float64)


def test_bradley_terry_in_closed_form() -> None:
    d = GRID.numpy()
    for outcome, expected in ((1.0, log_expit(d)), (0.0, log_expit(-d)), (0.5, (log_expit(d) + log_expit(-d)) / 2)):
        found = Preference(GRID).log_prob(torch.full_like(GRID, outcome))
        np.testing.assert_allclose(found.numpy(), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("nu", [0.01, 1.0, 5.0])
def test_davidson_in_closed_form(nu: float) -> None:
    d = GRID.numpy()
    weights = np.stack([d / 2, np.full_like(d, math.log(nu)), -d / 2])
    preference = Preference(GRID, torch.tensor(math.log(nu), dtype=torch.float64))
    found = torch.stack([preference.log_prob(outcome.expand_as(GRID)) for outcome in OUTCOMES])
    np.testing.assert_allclose(found.numpy(), weights - np.logaddexp.reduce(weights, axis=0), rtol=0, atol=1e-12)
    np.testing.assert_allclose(found.exp().sum(0).numpy(), 1.0, atol=1e-12)
    decided = found[0] - torch.logaddexp(found[0], found[2])
    np.testing.assert_allclose(decided.numpy(), log_expit(d), atol=1e-12)


def test_without_ties_the_two_outcomes_add_up_to_one() -> None:
    preference = Preference(GRID)
    total = preference.log_prob(torch.ones_like(GRID)).exp() + preference.log_prob(torch.zeros_like(GRID)).exp()
    np.testing.assert_allclose(total.numpy(), 1.0, atol=1e-12)


@pytest.mark.parametrize("ties", [False, True])
def test_far_out_it_is_finite_and_exact(ties: bool) -> None:
    """σ(−200) is zero in float32; its logarithm is −200."""
    d = torch.tensor([200.0, -200.0], requires_grad=True)
    found = Preference(d, torch.tensor(0.0) if ties else None).log_prob(torch.tensor([0.0, 1.0]))
    np.testing.assert_allclose(found.detach().numpy(), [-200.0, -200.0], rtol=1e-6)
    gradient = torch.autograd.grad(found.sum(), d)[0]
    np.testing.assert_allclose(gradient.numpy(), [-1.0, 1.0], rtol=1e-6)


@pytest.mark.parametrize("outcome", [1.0, 0.5, 0.0])
@pytest.mark.parametrize("ties", [False, True])
def test_first_and_second_derivatives(outcome: float, ties: bool) -> None:
    d = GRID[::6].clone().requires_grad_()
    log_tie = torch.tensor(0.3, dtype=torch.float64, requires_grad=True)

    def density(d: torch.Tensor, log_tie: torch.Tensor) -> torch.Tensor:
        return Preference(d, log_tie if ties else None).log_prob(torch.full_like(d, outcome)) + 0 * log_tie

    assert torch.autograd.gradcheck(density, (d, log_tie))
    assert torch.autograd.gradgradcheck(density, (d, log_tie))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_one_tie_parameter_a_draw_broadcasts_over_draws_and_rows(dtype: torch.dtype) -> None:
    d, log_tie = torch.randn(7, 4, dtype=dtype), torch.randn(7, 1, dtype=dtype)
    outcome = torch.tensor([1.0, 0.5, 0.0, 1.0], dtype=dtype)
    found = Preference(d, log_tie).log_prob(outcome)
    assert found.shape == (7, 4)
    assert found.dtype == dtype
    alone = torch.stack([Preference(d[i], log_tie[i, 0]).log_prob(outcome) for i in range(7)])
    torch.testing.assert_close(found, alone)
    assert Preference(d[0], log_tie[0]).expand((3, 4)).log_prob(outcome).shape == (3, 4)


@pytest.mark.parametrize("log_tie", [None, 0.5])
def test_frequencies_of_draws(log_tie: float | None) -> None:
    """Within 5 standard errors: fails for 6 in 10 million seeds."""
    n = 100_000
    preference = Preference(torch.tensor([0.8, -2.0]), None if log_tie is None else torch.tensor(log_tie))
    drawn = preference.sample((n,))
    assert drawn.shape == (n, 2)
    for outcome in (1.0, 0.5, 0.0) if log_tie is not None else (1.0, 0.0):
        expected = preference.log_prob(torch.full((2,), outcome)).exp()
        error = (expected * (1 - expected) / n).sqrt()
        assert bool(((drawn == outcome).float().mean(0) - expected).abs().le(5 * error).all())


def test_other_outcomes_are_refused() -> None:
    with pytest.raises(ValueError, match="within the support"):
        Preference(torch.zeros(2), validate_args=True).log_prob(torch.tensor([1.0, 0.7]))
