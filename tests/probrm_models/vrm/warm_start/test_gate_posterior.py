"""The normal over a gated model's parameters, against automatic differentiation, importance sampling, and worlds drawn from the prior."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from probrm_models.vrm.networks import contrast_basis
from probrm_models.vrm.warm_start.gate import Gate, GateRows, fit_gate, prior_precision, ridge
from probrm_models.vrm.warm_start.gate_posterior import GatePosterior, attenuated, curvature, fit_posterior
from tests.probrm_models.vrm.warm_start.test_gate import simulate

SURE = 1e4
"""κ at which a prompt's weights are next to their mean."""


def test_the_curvature_is_that_of_the_jacobian() -> None:
    """By automatic differentiation; three objectives."""
    rows, _, _ = simulate(60, 20, apart=1.5, seed=0, d=3, p=2)
    rows = GateRows(rows.difference, rows.prompt, rows.outcome, torch.rand(60, generator=torch.Generator().manual_seed(1)) + 0.5)
    gate = fit_gate(rows, contrast_basis(3), ridge(rows, 1.0), 1.0, 3.0)
    jacobian = torch.autograd.functional.jacobian(lambda flat: gate.at(flat).logits(rows), gate.flat())
    assert isinstance(jacobian, Tensor)
    p = gate.logits(rows).sigmoid()
    expected = (jacobian * (rows.weight * p * (1 - p))[:, None]).T @ jacobian + torch.diag(prior_precision(gate, 1.0, 3.0))
    assert torch.allclose(curvature(gate, rows, 1.0, 3.0), expected, atol=1e-4)


def test_an_attenuated_logit_averages_over_the_weights() -> None:
    rows, _, _ = simulate(50, 25, apart=2.0, seed=1)
    gate = fit_gate(rows, contrast_basis(3), ridge(rows, 1.0), 1.0, 3.0)
    torch.manual_seed(0)
    w = torch.distributions.Dirichlet(0.05 + 10 * gate.weights(rows).T).sample((20_000,))
    exact = (w * gate.scores(rows).T).sum(-1).sigmoid().mean(0)
    assert torch.allclose(attenuated(gate, rows, 10.0).sigmoid(), exact, atol=0.015)
    assert float((gate.logits(rows).sigmoid() - exact).abs().max()) > 0.03


def prior_world(seed: int, n: int, *, scale: float = 1.0, ratio: float = 3.0, d: int = 4, p: int = 3) -> tuple[GateRows, GateRows, Tensor]:
    """Pairs to be fitted and new ones of parameters that are drawn from the prior, one pair a prompt, and the new pairs' true probabilities."""
    draw = torch.Generator().manual_seed(seed)
    rotation = contrast_basis(2)
    v, c = scale * torch.randn(d, generator=draw), scale * ratio**0.5 * torch.randn(1, d, generator=draw)
    gate = Gate(v, c, torch.randn(1, p + 1, generator=draw), rotation)
    difference = torch.randn(n + 100, d, generator=draw)
    x = torch.nn.functional.pad(torch.randn(n + 100, p, generator=draw), (0, 1), value=1.0)
    every = GateRows(difference, x, torch.zeros(n + 100), torch.ones(n + 100))
    truth = attenuated(gate, every, 20.0).sigmoid()
    outcome = (torch.rand(n + 100, generator=draw) < truth).float()
    every, fitted = GateRows(difference, x, outcome, every.weight), torch.arange(n + 100) < n
    return every.take(fitted), every.take(~fitted), truth[~fitted]


def test_it_predicts_as_the_exact_posterior_does() -> None:
    """Importance sampling in four dimensions around Laplace's approximation, made wider. (C, A) and (−C, −A) predict alike: one of the two is seen."""
    seen, unseen, _ = prior_world(3, 60, d=1, p=1)
    found = fit_posterior(seen, 2, 1.0, 3.0, SURE, steps=1000)
    shape = found.mean.flat().shape[0]
    noise = torch.distributions.StudentT(4.0)
    torch.manual_seed(0)
    wide = 1.5 * noise.sample((200_000, shape))
    flat = found.mean.flat() + wide @ found.factor.T
    prior = prior_precision(found.mean, 1.0, 3.0)
    gates = found.mean.at(flat)
    log_weight = (
        -seen.loss(attenuated(gates, seen, SURE)).sum(-1) - (prior * flat.square()).sum(-1) / 2 - noise.log_prob(wide / 1.5).sum(-1)
    )
    weight = log_weight.softmax(0)
    assert float(1 / weight.square().sum()) > 2_000
    exact = weight @ attenuated(gates, unseen, SURE).sigmoid()
    assert float((found.probability(unseen, count=2000) - exact).abs().max()) < 0.05
    assert float((found.probability(unseen, count=2000) - exact).abs().mean()) < 0.015


def coverage(found: GatePosterior, unseen: GateRows, truth: Tensor, level: float, *, narrowed: float = 1.0) -> float:
    noise = torch.randn(400, len(found.sd), generator=torch.Generator().manual_seed(1))
    p = attenuated(found.draws(narrowed * noise), unseen, 20.0).sigmoid()
    low, high = torch.quantile(p, torch.tensor([(1 - level) / 2, (1 + level) / 2]), dim=0)
    return float(((low <= truth) & (truth <= high)).float().mean())


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    """Forty worlds of the prior, 100 new pairs each; the standard error of a world's coverage is some .15, so of the mean .025.

    Halved intervals are the negative control.
    """
    covered: dict[tuple[float, float], float] = {}
    for seed in range(40):
        seen, unseen, truth = prior_world(seed, 200)
        found = fit_posterior(seen, 2, 1.0, 3.0, 20.0)
        for level in (0.5, 0.9):
            for narrowed in (1.0, 0.5):
                held = coverage(found, unseen, truth, level, narrowed=narrowed)
                covered[level, narrowed] = covered.get((level, narrowed), 0.0) + held / 40
    assert covered[0.5, 1.0] == pytest.approx(0.5, abs=0.07)
    assert covered[0.9, 1.0] == pytest.approx(0.9, abs=0.06)
    assert covered[0.5, 0.5] < 0.35
    assert covered[0.9, 0.5] < 0.75


def test_it_is_not_led_astray_where_the_mode_is() -> None:
    """Many weights for few pairs: the mode fits noise and is behind Bradley–Terry, the average is ahead of the mode by far."""
    differences = []
    for seed in range(5):
        seen, unseen, truth = prior_world(seed, 400, scale=0.5, ratio=1.0, d=40, p=40)
        shared = ridge(seen, 0.5)
        mode = fit_gate(seen, contrast_basis(2), shared, 0.5, 1.0)
        found = fit_posterior(seen, 2, 0.5, 1.0, 20.0)

        def loss(p: Tensor, truth: Tensor = truth) -> float:
            return -float((truth * p.log() + (1 - truth) * (1 - p).log()).mean())

        differences.append(loss(mode.logits(unseen).sigmoid()) - loss(found.probability(unseen)))
    assert min(differences) > 0.01
