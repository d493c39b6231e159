"""Attribute scores as a target of the weights, against numbers worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from probrm_models.vrm.supervision import LOSSES, supervision_loss, targets

W = torch.tensor([[0.5, 0.3, 0.2]])
S = torch.tensor([[0.2, 0.7, 0.1]])


def expected(loss: str, w: list[float], s: list[float]) -> float:
    if loss == "kl":
        return sum(b * math.log(b / a) for a, b in zip(w, s, strict=True))
    if loss == "mse":
        return sum((b - a) ** 2 for a, b in zip(w, s, strict=True))
    above = [(a, b) for a in range(len(s)) for b in range(len(s)) if s[a] > s[b]]
    return sum(math.log(1 + w[b] / w[a]) for a, b in above) / len(above)


def test_targets_are_a_softmax_of_the_standardised_scores() -> None:
    scores = torch.tensor([[1.0, -1.0, 0.0], [0.5, math.nan, 1.0]])
    e = [math.exp(1), math.exp(-1), 1.0]
    torch.testing.assert_close(targets(scores)[0], torch.tensor(e) / sum(e))
    assert bool(targets(scores)[1].isnan().all())


@pytest.mark.parametrize("loss", ["kl", "mse", "rank"])
def test_by_hand(loss: str) -> None:
    value = {
        "kl": 0.2 * math.log(0.4) + 0.7 * math.log(7 / 3) + 0.1 * math.log(0.5),
        "mse": 0.09 + 0.16 + 0.01,
        # s: second > first > third
        "rank": (math.log(1 + 0.5 / 0.3) + math.log(1 + 0.2 / 0.3) + math.log(1 + 0.2 / 0.5)) / 3,
    }[loss]
    assert float(supervision_loss(W, S, loss)) == pytest.approx(value, rel=1e-5)
    assert expected(loss, W[0].tolist(), S[0].tolist()) == pytest.approx(value, rel=1e-5)


@pytest.mark.parametrize("loss", ["kl", "mse", "rank"])
def test_more_objectives_than_attributes_compares_the_first_ones_scaled_to_one(loss: str) -> None:
    found = supervision_loss(torch.tensor([[0.1, 0.3, 0.2, 0.4]]), torch.tensor([[0.8, 0.2]]), loss)
    assert float(found) == pytest.approx(expected(loss, [0.25, 0.75], [0.8, 0.2]), rel=1e-5)


@pytest.mark.parametrize("loss", ["kl", "mse"])
def test_it_is_nothing_where_the_weights_are_the_target(loss: str) -> None:
    w = S.clone().requires_grad_()
    value = supervision_loss(w, S, loss)
    assert float(value.detach()) == pytest.approx(0, abs=1e-6)
    (gradient,) = torch.autograd.grad(value.sum(), w)
    assert float((gradient - gradient.mean()).abs().max()) < 1e-5  # on the simplex


def test_rank_looks_at_the_order_alone_and_ties_are_no_order() -> None:
    other = torch.tensor([[0.34, 0.36, 0.30]])
    torch.testing.assert_close(supervision_loss(W, S, "rank"), supervision_loss(W, other, "rank"))
    assert float(supervision_loss(W, torch.full((1, 3), 1 / 3), "rank")) == 0.0


@pytest.mark.parametrize("loss", ["kl", "mse", "rank"])
def test_rows_without_scores_add_nothing_to_value_or_gradient(loss: str) -> None:
    logits = torch.randn(3, 3, requires_grad=True)
    scores = torch.tensor([[1.0, 0.0, -1.0], [math.nan, 0.0, 1.0], [math.nan] * 3])
    value = supervision_loss(logits.softmax(-1), targets(scores), loss)
    assert value.tolist()[1:] == [0.0, 0.0]
    assert float(value[0].detach()) > 0
    (gradient,) = torch.autograd.grad(value.sum(), logits)
    assert bool(torch.isfinite(gradient).all())
    assert float(gradient[0].abs().max()) > 0
    assert float(gradient[1:].abs().max()) == 0.0


@pytest.mark.parametrize("loss", ["kl", "mse", "rank"])
@pytest.mark.parametrize("zero", [W * torch.tensor([1.0, 0.0, 1.0]), torch.tensor([[0.0, 0.0, 0.0, 1.0]])])
def test_weights_that_came_out_as_zero(loss: str, zero: Tensor) -> None:
    w = zero.clone().requires_grad_()
    value = supervision_loss(w, S, loss)
    (gradient,) = torch.autograd.grad(value.sum(), w)
    assert bool(torch.isfinite(value).all())
    assert bool(torch.isfinite(gradient).all())


def test_a_target_that_is_zero_or_one() -> None:
    found = supervision_loss(W, torch.tensor([[1.0, 0.0, 0.0]]), "kl")
    assert float(found) == pytest.approx(-math.log(0.5), rel=1e-5)


def test_all_losses_are_listed() -> None:
    assert set(LOSSES) == {"kl", "mse", "rank", "none"}
