"""The intercept that gives a logistic head its mean rate, against closed forms and finite differences."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.autograd import gradcheck, gradgradcheck

from probrm.heads import mean_rate, mean_rate_intercept

SLOPES: dict[str, Callable[[], Tensor]] = {
    "constant": lambda: torch.full((50,), 1.7).double(),
    "normal": lambda: 2 * torch.randn(200).double(),
    "wide": lambda: torch.linspace(-20, 20, 101).double(),
    "bimodal": lambda: torch.cat([torch.full((30,), -20.0), torch.full((70,), 20.0)]).double(),
    "halves": lambda: torch.cat([torch.full((50,), -20.0), torch.full((50,), 20.0)]).double(),
    "one outlier": lambda: torch.cat([0.1 * torch.randn(99), torch.tensor([20.0])]).double(),
    "far off": lambda: 100 + torch.randn(40).double(),
}


def mean(intercept: Tensor, slope: Tensor) -> Tensor:
    return torch.sigmoid(intercept.unsqueeze(-1) + slope).mean(-1)


@pytest.mark.parametrize("rate", [1e-5, 0.01, 0.3, 0.5, 0.7, 0.99, 1 - 1e-5])
@pytest.mark.parametrize("name", SLOPES)
def test_the_mean_is_the_rate(name: str, rate: float) -> None:
    slope, rate_ = SLOPES[name](), torch.tensor(rate).double()
    found = mean_rate_intercept(rate_, slope)
    assert float(mean(found, slope) / rate_ - 1) == pytest.approx(0, abs=1e-9)
    assert float((1 - mean(found, slope)) / (1 - rate_) - 1) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("rate", [1e-4, 0.01, 0.3, 0.5, 0.7, 0.99])
@pytest.mark.parametrize("name", SLOPES)
def test_the_mean_is_the_rate_in_single_precision(name: str, rate: float) -> None:
    """Within a few roundings of it: 1e-6 of the logits' size in the logit of the mean."""
    slope, rate_ = SLOPES[name]().float(), torch.tensor(rate)
    found = mean_rate_intercept(rate_, slope)
    assert found.dtype == torch.float32
    allowed = 2e-6 * (10 + float(slope.abs().max()))
    assert float(torch.logit(mean(found.double(), slope.double()))) == pytest.approx(math.log(rate / (1 - rate)), abs=allowed)


@pytest.mark.parametrize("name", SLOPES)
def test_the_rounds_of_a_gpu_are_enough(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    slope, rates = SLOPES[name](), torch.tensor([1e-5, 0.3, 0.5, 0.99]).double()
    expected = mean_rate_intercept(rates, slope.expand(4, -1))
    monkeypatch.setattr(mean_rate, "_ROUNDS", mean_rate._UNWATCHED)
    torch.testing.assert_close(mean_rate_intercept(rates, slope.expand(4, -1)), expected, atol=1e-9, rtol=0)


@pytest.mark.parametrize("rate", [0.2, 0.5, 0.99])
@pytest.mark.parametrize("name", SLOPES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_derivatives_are_finite_wherever_the_mean_moves(name: str, rate: float, dtype: torch.dtype) -> None:
    slope = SLOPES[name]().to(dtype).requires_grad_()
    rate_ = torch.tensor(rate, dtype=dtype, requires_grad=True)
    gradients = torch.autograd.grad(mean_rate_intercept(rate_, slope), (rate_, slope))
    assert all(bool(torch.isfinite(g).all()) for g in gradients)


@pytest.mark.parametrize("rate", [0.05, 0.5, 0.9])
@pytest.mark.parametrize("name", ["constant", "normal", "wide", "one outlier", "far off"])
def test_first_derivatives_are_those_of_the_implicit_function(name: str, rate: float) -> None:
    """``∂b/∂π = 1 / mean p(1−p)``, ``∂b/∂slope_i = −p_i(1−p_i) / Σ p(1−p)``."""
    slope, rate_ = SLOPES[name]().requires_grad_(), torch.tensor(rate).double().requires_grad_()
    found = mean_rate_intercept(rate_, slope)
    of_rate, of_slope = torch.autograd.grad(found, (rate_, slope))
    p = torch.sigmoid(found + slope).detach()
    assert float(of_rate) == pytest.approx(float(1 / (p * (1 - p)).mean()), rel=1e-8)
    assert torch.allclose(of_slope, -p * (1 - p) / (p * (1 - p)).sum(), atol=1e-10)


@pytest.mark.parametrize("spread", [0.0, 0.5, 3.0, 8.0])
def test_first_and_second_derivatives_are_finite_differences(spread: float) -> None:
    slope = (spread * torch.randn(2, 5).double()).requires_grad_()
    rate = torch.tensor([0.15, 0.8]).double().requires_grad_()
    assert gradcheck(mean_rate_intercept, (rate, slope))
    assert gradgradcheck(mean_rate_intercept, (rate, slope))


def test_the_second_derivative_in_the_rate_is_the_closed_form() -> None:
    """``b'' = −mean p(1−p)(1−2p) / (mean p(1−p))³``: noticed only if the second Newton step carries the graph."""
    slope, rate = 3 * torch.randn(40).double(), torch.tensor(0.2).double().requires_grad_()
    found = mean_rate_intercept(rate, slope)
    first = torch.autograd.grad(found, rate, create_graph=True)[0]
    second = torch.autograd.grad(first, rate)[0]
    p = torch.sigmoid(found + slope).detach()
    moves = p * (1 - p)
    assert float(second) == pytest.approx(float(-(moves * (1 - 2 * p)).mean() / moves.mean() ** 3), rel=1e-7)


def test_many_draws_at_once_are_each_alone() -> None:
    rate, slope = torch.rand(3, 4).double(), 3 * torch.randn(3, 4, 30).double()
    found = mean_rate_intercept(rate, slope)
    assert found.shape == (3, 4)
    for i in range(3):
        for j in range(4):
            assert float(found[i, j]) == pytest.approx(float(mean_rate_intercept(rate[i, j], slope[i, j])), abs=1e-9)


@pytest.mark.parametrize("slope", [0.0, -3.0])
def test_one_reference_row_gives_the_logit(slope: float) -> None:
    rate = torch.tensor([0.1, 0.6]).double()
    found = mean_rate_intercept(rate, torch.full((2, 1), slope).double())
    assert torch.allclose(found, torch.logit(rate) - slope, atol=1e-14)
    many = mean_rate_intercept(rate, torch.full((2, 7), slope).double())  # the same row seven times
    assert torch.allclose(many, found, atol=1e-10)


def test_it_is_not_the_logit_of_the_rate() -> None:
    """What the function is for: logits of deviation 2 pull a mean of .2 towards one half, by .5 in the logit and more."""
    slope = 2 * torch.randn(2000).double()
    assert float(mean_rate_intercept(torch.tensor(0.2).double(), slope - slope.mean())) < math.log(0.25) - 0.4
