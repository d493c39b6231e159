from __future__ import annotations

import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from pydantic import TypeAdapter, ValidationError
from pyro import poutine

from probrm.actions import Click
from probrm.priors import Beta

RATES = [(0.0, 0.0), (0.03, 0.0), (0.0, 0.2), (0.03, 0.2), (1e-12, 1e-12)]


@pytest.mark.parametrize(("epsilon", "delta"), RATES)
def test_is_the_formula(epsilon: float, delta: float) -> None:
    s = torch.linspace(0.01, 0.99, 15, dtype=torch.float64)
    d = Click(false_rate=epsilon, miss_rate=delta).given(s.log(), torch.log1p(-s), epsilon)
    p = s * (1 - delta) + (1 - s) * epsilon
    assert torch.allclose(d.log_prob(torch.ones(15)), p.log(), atol=1e-8)
    assert torch.allclose(d.log_prob(torch.zeros(15)), torch.log1p(-p), atol=1e-8)


@pytest.mark.parametrize(("epsilon", "delta"), RATES)
def test_knowing_s_is_exact(epsilon: float, delta: float) -> None:
    s = torch.tensor([0.0, 1.0], dtype=torch.float64)
    d = Click(false_rate=epsilon, miss_rate=delta).given(s.log(), (1 - s).log(), epsilon)
    assert d.log_p1.exp().tolist() == pytest.approx([epsilon, 1 - delta], abs=1e-15)
    assert d.log_p0.exp().tolist() == pytest.approx([1 - epsilon, delta], abs=1e-15)


@pytest.mark.parametrize(("epsilon", "delta"), RATES)
def test_extreme_logits_give_finite_values_and_gradients(epsilon: float, delta: float) -> None:
    logits = torch.tensor([-60.0, 0.0, 60.0], dtype=torch.float64, requires_grad=True)
    rate = torch.tensor(max(epsilon, 1e-9), dtype=torch.float64, requires_grad=True)
    for given in (epsilon, rate):
        d = Click(false_rate=epsilon, miss_rate=delta).given(F.logsigmoid(logits), F.logsigmoid(-logits), given)
        assert torch.allclose(torch.logaddexp(d.log_p1, d.log_p0), torch.zeros(3).double(), atol=1e-8)
        for value in (torch.zeros(3), torch.ones(3)):
            density = d.log_prob(value)
            assert torch.isfinite(density).all()
            gradients = torch.autograd.grad(density.sum(), [logits, rate], allow_unused=True, retain_graph=True)
            assert all(torch.isfinite(g).all() for g in gradients if g is not None)


def test_an_impossible_s_gives_no_nan_gradient_to_the_false_rate() -> None:
    rate = torch.tensor(0.1, dtype=torch.float64, requires_grad=True)
    impossible, certain = torch.tensor([-math.inf]).double(), torch.zeros(1).double()
    d = Click(false_rate=0.1, miss_rate=0.2).given(impossible, certain, rate)
    (gradient,) = torch.autograd.grad(d.log_prob(torch.ones(1)).sum(), rate)
    assert float(gradient) == pytest.approx(1 / 0.1, abs=1e-8)


def test_a_false_rate_with_a_prior_is_a_site() -> None:
    trace = poutine.trace(Click(false_rate=Beta(1.0, 9.0)).sample_false_rate).get_trace()
    assert trace.stochastic_nodes == ["false_rate"]
    assert Click(false_rate=0.1).sample_false_rate() == 0.1


def test_a_table_becomes_a_prior() -> None:
    table = {"false_rate": {"dist": "Beta", "concentration1": 1.0, "concentration0": 50.0}}
    assert TypeAdapter(Click).validate_python(table).false_rate == Beta(1.0, 50.0)


@pytest.mark.parametrize(
    "bad",
    [
        {"false_rate": -0.1},
        {"false_rate": 0.5},
        {"false_rate": math.nan},
        {"false_rate": True},
        {"false_rate": "often"},
        {"miss_rate": -0.1},
        {"miss_rate": 0.5},
        {"miss_rate": math.nan},
        {"flase_rate": 0.1},
        {"name": "purchase"},
    ],
    ids=repr,
)
def test_bad_settings_are_refused(bad: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Click).validate_python(bad)
