"""Answers that a log shows several times: their likelihood, its derivatives, and what is drawn of a row alone, against dense grids."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import pytest
import torch
from torch import Tensor

from probrm.actions.product import log_both, log_not_both
from probrm.data.batch import TOGETHER, Batch
from probrm.data.conversation import Conversation
from probrm.data.logs.actions import ActionSpec
from probrm.data.logs.repeats import repeated_answers
from probrm.data.split import split_rows
from probrm.guides import Layout
from probrm.heads.own_part import stretch
from probrm.inference.laplace.potential import Potential
from probrm.inference.svi.minibatches import Minibatches
from probrm.posterior import predict_rewards
from probrm.recipes.logs.shape import LogShape
from probrm_models.implicit.model import ImplicitModel
from probrm_models.implicit.multi_action.model import MultiActionModel
from probrm_models.implicit.naive import NaiveModel
from probrm_models.implicit.own_parts import SITE, Exposures, tied_density

GRID = torch.linspace(-8, 8, 4001, dtype=torch.float64)


def shown(counts: list[int]) -> Batch:
    """Answers shown so often, in mixed order; −1 where that is once."""
    answer = torch.cat([torch.full((count,), i if count > 1 else -1) for i, count in enumerate(counts)])
    n = len(answer)
    answer = answer[torch.randperm(n)]
    columns = {TOGETHER: answer, "action": (torch.rand(n) < 0.4).double(), "weight": 0.5 + torch.rand(n).double()}
    return Batch(columns, n)


def given(rows: Batch, predictors: Any) -> Tensor:
    f, g = predictors
    return torch.where(rows["action"].bool(), log_both(f, g), log_not_both(f, g)) * rows["weight"]


def by_grid(batch: Batch, f: Tensor, g: Tensor, tau: Tensor) -> Tensor:
    """The whole log density, answer by answer on a dense grid of its part."""
    answer, total = batch[TOGETHER], given(batch, [f, g])[batch[TOGETHER] < 0].sum()
    for one in answer[answer >= 0].unique():
        rows = (answer == one).nonzero()[:, 0]
        own = stretch(tau) * f[rows] + tau * GRID[:, None]
        few = Batch({name: column[rows] for name, column in batch.columns.items()}, len(rows))
        density = given(few, [own, g[rows].expand_as(own)]).sum(-1) - GRID.square() / 2
        total = total + torch.logsumexp(density, 0) + math.log(GRID[1] - GRID[0]) - math.log(2 * math.pi) / 2
    return total


@pytest.mark.parametrize("tau", [0.0, 0.5, 2.0])
def test_density_and_gradient_are_those_of_the_integral(tau: float) -> None:
    batch = shown([1, 1, 2, 3, 9, 70, 300])
    x = torch.randn(2, len(batch), dtype=torch.float64)
    parts = [*x, torch.tensor(tau, dtype=torch.float64)]
    found = []
    for density in (
        lambda f, g, t: tied_density(given, batch, Exposures.of(batch), [f, g], t).sum(),
        lambda f, g, t: by_grid(batch, f, g, t),
    ):
        free = [part.clone().requires_grad_() for part in parts]
        value = density(*free)
        found.append([value.detach(), *torch.autograd.grad(value, free)])
    for ours, grid in zip(*found, strict=True):
        assert torch.allclose(ours, grid, atol=1e-3)


def test_an_answer_shown_once_has_the_average_answers_likelihood_whatever_tau_is() -> None:
    batch = shown([1] * 20)
    f, g = torch.randn(2, 20, dtype=torch.float64)
    assert torch.equal(tied_density(given, batch, Exposures.of(batch), [f, g], torch.tensor(3.0).double()), given(batch, [f, g]))


def test_exposures_are_no_independent_rows() -> None:
    """Two actions on one answer are likelier than its features' rate squared: the negative control of a likelihood that multiplies rows."""
    batch = Batch({TOGETHER: torch.zeros(2).long(), "action": torch.ones(2).double(), "weight": torch.ones(2).double()}, 2)
    f, g = torch.zeros(2).double(), torch.full((2,), 30.0).double()
    assert float(tied_density(given, batch, Exposures.of(batch), [f, g], torch.tensor(2.0).double()).sum()) > math.log(0.25) + 0.3


def log(counts: list[int], users: int = 3) -> tuple[LogShape, Batch]:
    batch = shown(counts)
    n = len(batch)
    text = torch.randn(len(counts), 2).double()
    columns = {
        "embedding": torch.where(batch[TOGETHER][:, None] >= 0, text[batch[TOGETHER]], torch.randn(n, 2).double()),
        "reward_covariates": torch.zeros(n, 0).double(),
        "propensity_covariates": torch.randn(n, 1).double(),
        "user": torch.arange(n) % users,
        "label": torch.where(torch.arange(n) < 3, batch["action"], math.nan),
    }
    shape = LogShape(2, (), ("a",), tuple(str(u) for u in range(users)), repeated=sum(count > 1 for count in counts))
    return shape, Batch({**batch.columns, **columns}, n).to(dtype=torch.float32)


@pytest.mark.parametrize("kind", [ImplicitModel, NaiveModel])
def test_predictors_and_trace_give_one_density_and_gradient(kind: Any) -> None:
    shape, batch = log([1, 2, 2, 5, 20])
    model = kind(shape)
    layout = Layout.of(model, batch)
    potential = Potential(model, layout, batch.to(dtype=torch.float64))
    z = 0.3 * torch.randn(layout.size, dtype=torch.float64)
    traced = -potential._log_density(z, potential.batch, rows=True)
    assert float(potential(z)) == pytest.approx(float(traced), abs=1e-8)


def test_the_curvature_of_shared_columns_is_exact() -> None:
    """Of reward weights, base rate and τ against autograd; of propensity effects it is what rows say by themselves, which is no less."""
    shape, batch = log([1, 2, 2, 5, 20], users=1)
    model = ImplicitModel(dataclasses.replace(shape, users=()))
    layout = Layout.of(model, batch)
    potential = Potential(model, layout, batch.to(dtype=torch.float64))
    z = 0.3 * torch.randn(layout.size, dtype=torch.float64)
    ours = potential.curvature(z)[2]
    exact: Any = torch.autograd.functional.hessian(potential, z)
    shared = torch.zeros(layout.size, dtype=torch.bool)
    for site in layout.sites:
        shared[site.flat] = not site.name.startswith("propensity")
    assert torch.allclose(ours[shared], exact[shared], atol=1e-6)
    apart = (ours - exact)[~shared][:, ~shared]
    assert float(torch.linalg.eigvalsh(apart).min()) > -1e-6


def test_minibatches_keep_an_answers_rows_together() -> None:
    batch = shown([1] * 40 + [3] * 30 + [17])
    parts = Minibatches(batch, 20, seed=0)
    for step in range(60):
        part = parts[step]
        for one in part[TOGETHER][part[TOGETHER] >= 0].unique():
            assert int((part[TOGETHER] == one).sum()) == int((batch[TOGETHER] == one).sum())


def test_every_row_is_as_likely_as_every_other_in_minibatches() -> None:
    """Over 400 epochs each of 90 rows is seen within 15 % as often as the mean (a deviation is 3 %)."""
    batch = shown([1] * 30 + [3] * 20)
    numbered = Batch({**batch.columns, "row": torch.arange(len(batch))}, len(batch))
    parts = Minibatches(numbered, 18, seed=0)
    seen = torch.zeros(len(batch))
    for step in range(400 * (len(batch) // 18)):
        part = parts[step]
        seen.index_add_(0, part["row"], torch.full((len(part),), part.scale))
    assert float((seen / seen.mean() - 1).abs().max()) < 0.15


def test_repeated_answers_are_the_same_text_after_the_same_prompt() -> None:
    conversations = [Conversation(p, r) for p, r in (("a", "x"), ("b", "x"), ("a", "x"), ("a", "y"), ("c", "z"), ("c", "z"))]
    assert repeated_answers(conversations).tolist() == [0, -1, 0, -1, 1, 1]


def test_a_held_out_user_takes_no_part_of_an_answer_away() -> None:
    prompts, users = [f"p{i // 4}" for i in range(40)], [f"u{i % 4}" for i in range(40)]
    whole = torch.arange(40).numpy() % 8 < 4
    held = split_rows(prompts, users, whole, fraction=0.25, seed=1).held_out
    by_prompt = split_rows(prompts, None, fraction=0.25, seed=1).held_out
    assert set(held[whole[held]]) == set(by_prompt[whole[by_prompt]])
    assert set(held) > set(by_prompt)


def test_the_own_interval_holds_more_than_the_average_answers() -> None:
    """Its variance is ``(1 + πτ²/8) Var + τ²`` at a known τ; without repeats τ has its prior; a point has no interval."""
    shape, batch = log([1, 2, 2])
    model = ImplicitModel(shape)
    draws = {
        "base_rate": torch.full((4000,), 0.5),
        "reward_weights": torch.randn(4000, 2),
        "propensity_intercept": torch.zeros(4000),
        SITE: torch.full((4000,), 0.8),
    }
    found = predict_rewards(model, draws, batch.to(dtype=torch.float32))
    expected = math.sqrt((1 + math.pi * 0.64 / 8) * float(found.reward_sd[0]) ** 2 + 0.64)
    assert (found.reward_own_high[0] - found.reward_own_low[0]) / 2 / 1.645 == pytest.approx(expected, rel=0.05)
    assert found.probability_low[0] == pytest.approx(1 / (1 + math.exp(-found.reward_own_low[0])), abs=1e-5)
    del draws[SITE]
    tau = model.own_spread(draws)
    assert float(tau.square().mean()) == pytest.approx(1.0, abs=0.1)
    assert torch.equal(tau, model.own_spread(draws))
    point = predict_rewards(model, {name: value[:1] for name, value in draws.items()}, batch.to(dtype=torch.float32))
    assert point.reward_own_low[0] == point.reward[0]


def test_several_actions_are_tied_the_same_way() -> None:
    """One density and gradient by predictors and by the trace, and the curvature of shared columns exact."""
    shape, batch = log([1, 2, 2, 5, 20], users=1)
    rng = torch.Generator().manual_seed(1)
    graded = torch.randint(0, 3, (len(batch),), generator=rng).float()
    rows = Batch({**batch.columns, "actions": torch.stack([batch["action"], graded], 1)}, len(batch))
    kinds = (ActionSpec("copied"), ActionSpec("stars", "ordinal", levels=("low", "middle", "high")))
    model = MultiActionModel(dataclasses.replace(shape, users=(), actions=kinds))
    layout = Layout.of(model, rows)
    potential = Potential(model, layout, rows.to(dtype=torch.float64))
    z = 0.3 * torch.randn(layout.size, dtype=torch.float64)
    assert float(potential(z)) == pytest.approx(float(-potential._log_density(z, potential.batch, rows=True)), abs=1e-8)
    shared = torch.zeros(layout.size, dtype=torch.bool)
    for site in layout.sites:
        shared[site.flat] = not site.name.startswith("propensity")
    exact: Any = torch.autograd.functional.hessian(potential, z)
    assert torch.allclose(potential.curvature(z)[2][shared], exact[shared], atol=1e-6)
