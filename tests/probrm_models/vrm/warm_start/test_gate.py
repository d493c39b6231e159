"""The gated model's mode, and the ridge under it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from torch import Tensor

from probrm_models.vrm.networks import contrast_basis
from probrm_models.vrm.warm_start.gate import Gate, GateRows, best_scale, fit_gate, prior_precision, ridge


def simulate(n: int, prompts: int, *, apart: float, seed: int, d: int = 6, p: int = 4) -> tuple[GateRows, Tensor, Tensor]:
    """Pairs whose prompts weigh two objectives that differ by ``apart``, the prompts' numbers, and the true logits."""
    draw = torch.Generator().manual_seed(seed)
    prompt = torch.arange(n) % prompts
    x = torch.nn.functional.pad(torch.randn(prompts, p, generator=draw)[prompt], (0, 1), value=1.0)
    difference = torch.randn(n, d, generator=draw)
    shared, contrast = torch.randn(d, generator=draw), apart * torch.randn(d, generator=draw)
    logit = difference @ shared + torch.tanh(1.5 * x[:, 0]) * (difference @ contrast)
    outcome = (torch.rand(n, generator=draw) < logit.sigmoid()).float()
    return GateRows(difference, x, outcome, torch.ones(n)), prompt, logit


def test_the_ridge_is_scikit_learns() -> None:
    rows, _, _ = simulate(300, 60, apart=0.0, seed=0)
    weighted = GateRows(rows.difference, rows.prompt, rows.outcome, torch.rand(300, generator=torch.Generator().manual_seed(1)) + 0.5)
    reference = LogisticRegression(C=0.8**2, fit_intercept=False, tol=1e-10, max_iter=1000)
    reference.fit(weighted.difference.numpy(), weighted.outcome.numpy(), sample_weight=weighted.weight.numpy())
    assert torch.allclose(ridge(weighted, 0.8), torch.from_numpy(reference.coef_[0]).float(), atol=1e-3)


def objective(gate: Gate, rows: GateRows, scale: float, ratio: float) -> Tensor:
    parts = ((gate.shared, scale**2), (gate.contrasts, ratio * scale**2), (gate.weight, 1.0))
    return (rows.weight * rows.loss(gate.logits(rows))).sum() + sum((part.square().sum() / (2 * v) for part, v in parts), torch.zeros(()))


@pytest.mark.parametrize("seed", [2, 4, 7])
@pytest.mark.parametrize("count", [2, 4])
def test_it_is_a_mode(count: int, seed: int) -> None:
    """The penalised loss, written down again, has no slope there, and is below Bradley–Terry's."""
    rows, _, _ = simulate(400, 80, apart=2.0, seed=seed)
    shared = ridge(rows, 1.0)
    found = fit_gate(rows, contrast_basis(count), shared, 1.0, 3.0)
    places = [part.clone().requires_grad_() for part in (found.shared, found.contrasts, found.weight)]
    gate = Gate(places[0], places[1], places[2], found.rotation)
    value = objective(gate, rows, 1.0, 3.0)
    slopes = torch.autograd.grad(value, places)
    assert max(float(slope.abs().max()) for slope in slopes) < 0.03
    alone = Gate(shared, torch.zeros(count - 1, 6), torch.zeros(count - 1, 5), found.rotation)
    assert float(value.detach()) < float(objective(alone, rows, 1.0, 3.0)) - 10


def test_it_predicts_new_prompts_where_they_ask_for_different_things_and_bradley_terry_does_not() -> None:
    seen, _, _ = simulate(3000, 600, apart=2.0, seed=3)
    draw = torch.Generator().manual_seed(4)
    # The same world, other prompts and responses: the truth is a function of the seed's first draws, so these are rows of one simulation.
    keep = torch.rand(3000, generator=draw) < 0.7
    train, test = seen.take(keep), seen.take(~keep)
    shared = ridge(train, 1.0)
    gate = fit_gate(train, contrast_basis(2), shared, 1.0, 3.0)
    plain, gated = (float(test.loss(logit).mean()) for logit in (test.difference @ shared, gate.logits(test)))
    assert gated < plain - 0.1


def test_supervised_objectives_are_their_attributes() -> None:
    """Targets say which end of the prompts' first column the first attribute is at."""
    rows, _, _ = simulate(600, 120, apart=1.0, seed=5)
    first = torch.sigmoid(2 * rows.prompt[:, 0])
    for flip in (False, True):
        target = torch.stack([first, 1 - first], 1).flip(1) if flip else torch.stack([first, 1 - first], 1)
        target[::7] = torch.nan
        told = GateRows(rows.difference, rows.prompt, rows.outcome, rows.weight, target)
        from probrm_models.vrm.config import SupervisionConfig

        gate = fit_gate(told, contrast_basis(2), ridge(told, 1.0), 1.0, 1.0, SupervisionConfig(weight=1.0))
        weights = gate.weights(told)[int(flip)]
        assert np.corrcoef(weights.numpy(), first.numpy())[0, 1] > 0.9


def test_the_scale_is_the_one_that_predicts_left_out_folds_best() -> None:
    rows, prompt, _ = simulate(200, 40, apart=0.0, seed=6)
    folds = prompt % 4
    losses = {}
    for scale in (0.1, 0.5, 2.0):
        losses[scale] = 0.0
        for fold in range(4):
            weights = ridge(rows.take(folds != fold), scale)
            held = rows.take(folds == fold)
            losses[scale] += float(held.loss(held.difference @ weights).sum())
    assert best_scale(rows, folds, (0.1, 0.5, 2.0)) == min(losses, key=lambda scale: losses[scale])


def test_one_vector_holds_a_gate_and_many_many() -> None:
    rows, _, _ = simulate(40, 20, apart=1.0, seed=7)
    gate = fit_gate(rows, contrast_basis(3), ridge(rows, 1.0), 1.0, 3.0)
    assert torch.equal(gate.at(gate.flat()).logits(rows), gate.logits(rows))
    other = gate.flat() + 0.1
    both = gate.at(torch.stack([gate.flat(), other]))
    assert torch.allclose(both.logits(rows), torch.stack([gate.logits(rows), gate.at(other).logits(rows)]), atol=1e-5)
    precision = prior_precision(gate, 0.5, 2.0)
    penalty = (precision * gate.flat().square()).sum() / 2
    assert float(penalty) == pytest.approx(float(objective(gate, rows, 0.5, 2.0) - rows.loss(gate.logits(rows)).sum()), rel=1e-4)
