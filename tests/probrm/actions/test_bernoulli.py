from __future__ import annotations

import math

import pyro.distributions as dist
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from probrm.actions import LogBernoulli

EXTREME = torch.tensor([-60.0, -30.0, -1.0, 0.0, 2.0, 30.0, 60.0])


def from_logits(logits: Tensor) -> LogBernoulli:
    return LogBernoulli(F.logsigmoid(logits), F.logsigmoid(-logits), validate_args=True)


def test_agrees_with_the_bernoulli_of_torch() -> None:
    logits = torch.linspace(-5, 5, 11, dtype=torch.float64)
    ours, torchs = from_logits(logits), dist.Bernoulli(logits=logits)
    for value in (torch.zeros(11).double(), torch.ones(11).double()):
        assert torch.allclose(ours.log_prob(value), torchs.log_prob(value), atol=1e-8)


def test_extreme_logits_keep_their_digits_and_gradients() -> None:
    logits = EXTREME.double().requires_grad_()
    d = from_logits(logits)
    ones, zeros = d.log_prob(torch.ones(7)), d.log_prob(torch.zeros(7))
    assert torch.allclose(ones.exp() + zeros.exp(), torch.ones(7).double(), atol=1e-12)
    assert float(zeros.detach()[-1]) == pytest.approx(-60.0, abs=1e-12)  # torch's Bernoulli of probabilities would say −36
    (gradient,) = torch.autograd.grad(ones.sum() + zeros.sum(), logits)
    assert torch.allclose(gradient, 1 - 2 * torch.sigmoid(logits.detach()), atol=1e-12)


def test_an_impossible_value_has_no_probability_and_no_nan_gradient() -> None:
    x = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    log_p1 = x.masked_fill(torch.tensor([False, True, True]), -torch.inf)
    log_p0 = (x - 40.0).masked_fill(torch.tensor([False, True, True]), 0.0)
    d = LogBernoulli(log_p1, log_p0, validate_args=True)
    assert d.log_prob(torch.tensor([1.0, 0.0, 1.0])).tolist() == [0.0, 0.0, -math.inf]
    (gradient,) = torch.autograd.grad(d.log_prob(torch.tensor([1.0, 0.0, 0.0])).sum(), x)
    assert gradient.tolist() == [1.0, 0.0, 0.0]


def test_probabilities_that_do_not_add_up_are_refused() -> None:
    with pytest.raises(ValueError, match=r"must be 1; the farthest is 0\.2 off"):
        LogBernoulli(torch.tensor([0.5, 0.5]).log(), torch.tensor([0.5, 0.3]).log(), validate_args=True)


def test_values_other_than_0_and_1_are_refused() -> None:
    d = from_logits(torch.zeros(2))
    for value in (2.0, 0.5, math.nan):
        with pytest.raises(ValueError, match="support"):
            d.log_prob(torch.tensor([1.0, value]))


def test_parameters_broadcast_and_expand() -> None:
    d = LogBernoulli(torch.full((3, 1), 0.25).log(), torch.full((4,), 0.75).log())
    assert d.batch_shape == (3, 4)
    wide = d.expand((2, 3, 4))
    assert isinstance(wide, LogBernoulli)
    assert wide.batch_shape == (2, 3, 4)
    assert torch.equal(wide.log_prob(torch.ones(2, 3, 4)), torch.full((2, 3, 4), 0.25).log())
    assert wide.sample().shape == (2, 3, 4)


def test_enumerate_support() -> None:
    d = from_logits(torch.zeros(3, 4, dtype=torch.float64))
    narrow, wide = d.enumerate_support(expand=False), d.enumerate_support()
    assert narrow.shape == (2, 1, 1)
    assert wide.shape == (2, 3, 4)
    assert narrow.flatten().tolist() == [0.0, 1.0]
    assert wide.dtype == torch.float64
    assert torch.allclose(d.log_prob(narrow).logsumexp(0), torch.zeros(3, 4).double(), atol=1e-12)


def test_draws_come_at_their_rate() -> None:
    """20,000 draws of P = .2, within 5 standard errors (a correct sampler fails for one seed in two million)."""
    draws = LogBernoulli(torch.tensor(0.2).log(), torch.tensor(0.8).log()).sample(torch.Size((20_000,)))
    assert draws.shape == (20_000,)
    assert set(draws.tolist()) == {0.0, 1.0}
    assert abs(float(draws.mean()) - 0.2) < 5 * math.sqrt(0.16 / 20_000)


def test_draws_of_certain_events() -> None:
    d = LogBernoulli(torch.tensor([0.0, -math.inf]), torch.tensor([-math.inf, 0.0]), validate_args=True)
    assert d.sample(torch.Size((50,))).mean(0).tolist() == [1.0, 0.0]


def test_what_is_not_finite_is_left_to_whoever_steps() -> None:
    """A search that goes too far sees it by the value; probabilities that do not sum to 1 are a mistake in a model."""
    nan = torch.tensor([math.nan, 0.0])
    assert LogBernoulli(nan, torch.tensor([math.nan, -math.inf])).log_prob(torch.ones(2)).isnan().tolist() == [True, False]
    with pytest.raises(ValueError, match="must be 1"):
        LogBernoulli(torch.tensor([-0.1]), torch.tensor([-0.1]))
