"""The probability that two things hold, against 80-digit arithmetic."""

from __future__ import annotations

from decimal import Decimal, getcontext

import pytest
import torch
from torch import Tensor

from probrm.actions.product import log_both, log_not_both

getcontext().prec = 80
LOGITS = [-60.0, -20.0, -3.0, 0.0, 0.7, 3.0, 20.0, 40.0, 60.0]


def sigmoid(x: float) -> Decimal:
    return 1 / (1 + (-Decimal(x)).exp())


@pytest.mark.parametrize("reward", LOGITS)
@pytest.mark.parametrize("propensity", LOGITS)
def test_log_not_both_keeps_its_digits(reward: float, propensity: float) -> None:
    """Against 80-digit arithmetic, value and both derivatives to a relative 1e-12 where ``log(1 − γμ)`` in float64 has none left."""
    r, p = (torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in (reward, propensity))
    value = log_not_both(r, p)
    slopes = torch.autograd.grad(value, [r, p])
    gamma, mu = sigmoid(reward), sigmoid(propensity)
    rest = 1 - gamma * mu
    assert float(value.detach()) == pytest.approx(float(rest.ln()), rel=1e-12)
    assert float(slopes[0]) == pytest.approx(float(-gamma * (1 - gamma) * mu / rest), rel=1e-12)
    assert float(slopes[1]) == pytest.approx(float(-gamma * mu * (1 - mu) / rest), rel=1e-12)


@pytest.mark.parametrize("reward", LOGITS)
@pytest.mark.parametrize("propensity", LOGITS)
def test_log_both_keeps_its_digits(reward: float, propensity: float) -> None:
    value = log_both(torch.tensor(reward, dtype=torch.float64), torch.tensor(propensity, dtype=torch.float64))
    assert float(value) == pytest.approx(float((sigmoid(reward) * sigmoid(propensity)).ln()), rel=1e-12)


def grid() -> tuple[Tensor, Tensor]:
    reward, propensity = torch.meshgrid(torch.linspace(-6, 6, 7).double(), torch.linspace(-5, 7, 7).double(), indexing="ij")
    return reward.flatten(), propensity.flatten()


def test_both_and_not_both_are_one() -> None:
    assert torch.allclose(torch.logaddexp(log_both(*grid()), log_not_both(*grid())), torch.zeros(49).double(), atol=1e-12)
