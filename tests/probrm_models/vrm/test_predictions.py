"""Draws of rewards for prompts and responses that the fit has not seen, against sampling each latent by itself."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

import probrm_models.vrm.predictions as room
from probrm.data import Batch
from probrm_models.vrm.model import VRMModel
from probrm_models.vrm.predictions import reward_draws, weight_draws
from tests import vrm_rows

FORMS: dict[str, Any] = {
    "embedding": {},
    "logistic-normal": {"weights": {"family": "logistic-normal"}},
    "standard": {"features": {"prior": "standard", "dim": 4, "loc": 0.5, "scale": 2.0}},
    "mlp": dict(vrm_rows.MLP),
}
MANY = 40_000


def one_draw(model: VRMModel) -> dict[str, Tensor]:
    torch.manual_seed(1)
    if model.trunk is not None:
        return {"decoder": torch.randn(model.trunk.out_dim)}
    columns = model.dim if model.standard else 5
    values = {"shared": torch.randn(columns), "contrasts": 2 * torch.randn(model.count - 1, columns)}
    return values if model.standard else values | {"residual": torch.tensor(1.3)}


def repeated(values: dict[str, Tensor], count: int) -> dict[str, Tensor]:
    return {name: value.expand(count, *value.shape) for name, value in values.items()}


@pytest.fixture(params=FORMS)
def model(request: pytest.FixtureRequest) -> VRMModel:
    torch.manual_seed(0)
    return vrm_rows.shaken(vrm_rows.model(3, **FORMS[request.param]), 0.3).requires_grad_(False)


def explicit(model: VRMModel, values: dict[str, Tensor], rows: Batch, count: int) -> tuple[Tensor, Tensor]:
    """Rewards of both sides: weights of the prompt, features of each response, then the decoder."""
    rewards: dict[str, list[Tensor]] = {"chosen": [], "rejected": []}
    for _ in range(count):
        w = model.weights.weights(model.weights.posterior(rows["prompt"]).sample())
        for side in ("chosen", "rejected"):
            z = model.features(rows[side]).sample() if model.features is not None else torch.randn(len(rows), model.dim)
            rewards[side].append(model.decoder(values)(w, z, rows[side]))
    return torch.stack(rewards["chosen"]), torch.stack(rewards["rejected"])


def assert_same_distribution(a: Tensor, b: Tensor) -> None:
    """Mean and mean square of each column within 5 standard errors: fails once in 100,000 with ten columns."""
    for x, y in ((a, b), (a.square(), b.square())):
        error = (x.var(0) / len(x) + y.var(0) / len(y)).sqrt()
        assert ((x.mean(0) - y.mean(0)).abs() < 5 * error).all(), ((x.mean(0) - y.mean(0)) / error).tolist()
        assert (error < 0.15 * x.std(0)).all()


def test_rewards_and_differences_have_the_process_distribution(model: VRMModel) -> None:
    rows, values = vrm_rows.pairs(2), one_draw(model)
    full = repeated(values, MANY)
    chosen, rejected = explicit(model, values, rows, 1500)
    assert_same_distribution(model.difference(full, rows), chosen - rejected)
    assert_same_distribution(model.reward(full, Batch({"prompt": rows["prompt"], "response": rows["chosen"]}, 2)), chosen)


def test_one_draw_of_the_globals_gives_one_reward_a_row(model: VRMModel) -> None:
    rows, values = vrm_rows.pairs(2), one_draw(model)
    single = Batch({"prompt": rows["prompt"], "response": rows["chosen"]}, 2)
    assert model.difference(values, rows).shape == model.reward(values, single).shape == model.log_likelihood(values, rows).shape == (2,)
    ones = torch.stack([model.difference(values, rows) for _ in range(1500)])
    assert_same_distribution(model.difference(repeated(values, MANY), rows), ones)


def test_a_difference_is_that_of_the_rewards_on_average(model: VRMModel) -> None:
    """Not in its spread: both sides see the same weights."""
    rows, full = vrm_rows.pairs(8), repeated(one_draw(model), MANY)
    rewards = [model.reward(full, Batch({"prompt": rows["prompt"], "response": rows[side]}, 8)) for side in ("chosen", "rejected")]
    d = model.difference(full, rows)
    error = ((d.var(0) + rewards[0].var(0) + rewards[1].var(0)) / MANY).sqrt()
    assert ((d.mean(0) - rewards[0].mean(0) + rewards[1].mean(0)).abs() < 5 * error).all()


def test_rows_of_one_prompt_share_their_weights() -> None:
    model = vrm_rows.model(3)
    prompt = torch.tensor([[1.0, 2.0, 3.0], [0.0, 0.0, 0.0], [1.0, 2.0, 3.0]])
    w = weight_draws(model, repeated(one_draw(model), 50), prompt)
    assert w.shape == (50, 3, 3)
    assert torch.equal(w[:, 0], w[:, 2])
    assert not torch.equal(w[:, 0], w[:, 1])
    torch.testing.assert_close(w.sum(-1), torch.ones(50, 3))


def test_the_same_response_on_both_sides_differs_by_its_features_alone() -> None:
    """Weights that are shared cancel: without features' spread the difference is 0 in every draw."""
    model = vrm_rows.model(3)
    rows = vrm_rows.with_columns(vrm_rows.pairs(8), rejected=vrm_rows.pairs(8)["chosen"])
    values = repeated(one_draw(model), 20)
    chosen, rejected = reward_draws(model, values, rows, ("chosen", "rejected"), spread=False)
    torch.testing.assert_close(chosen, rejected)
    assert chosen.std(0).min() > 0.01  # though the weights vary from draw to draw
    assert model.difference(values, rows).abs().max() > 0.1


def test_without_spread_features_are_at_their_mean(model: VRMModel) -> None:
    rows, values = vrm_rows.pairs(4), one_draw(model)
    w = weight_draws(model, repeated(values, 6), rows["prompt"])
    (found,) = reward_draws(model, repeated(values, 6), rows, ("chosen",), weights=w, spread=False)
    z = model.features(rows["chosen"]).mean if model.features is not None else torch.zeros(4, model.dim)
    expected = torch.stack([model.decoder(values)(w[i], z, rows["chosen"]) for i in range(6)])
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_blocks_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    model = vrm_rows.shaken(vrm_rows.model(3, **vrm_rows.MLP), 0.3)
    rows, values = vrm_rows.pairs(4), repeated(one_draw(model), 6)
    w = weight_draws(model, values, rows["prompt"])
    whole = reward_draws(model, values, rows, ("chosen",), weights=w, spread=False)[0]
    monkeypatch.setattr(room, "_BLOCK", 2 * 4 * (6 + 4))
    torch.testing.assert_close(reward_draws(model, values, rows, ("chosen",), weights=w, spread=False)[0], whole)


def test_log_likelihood_is_the_predictive_density() -> None:
    """With ties as Davidson has them: within 5 standard errors of sampling each latent, and the hundredth that the nodes leave."""
    model = vrm_rows.model(3, ties=True)
    rows = vrm_rows.with_columns(vrm_rows.pairs(4), outcome=torch.tensor([1.0, 0.5, 1.0, 0.5]))
    values = one_draw(model) | {"log_tie": torch.tensor(0.4)}
    chosen, rejected = explicit(model, values, rows, 1500)
    half, nu = (chosen - rejected) / 2, torch.tensor(0.4).exp()
    p = torch.where(rows["outcome"] == 1, half.exp(), nu) / (half.exp() + nu + (-half).exp())
    density = model.log_likelihood(values, rows).exp()
    assert ((density - p.mean(0)).abs() < 5 * p.std(0) / 1500**0.5 + 0.01 * p.mean(0)).all()


def test_ties_are_those_of_the_model_only_where_it_has_them() -> None:
    model = vrm_rows.model(2)
    d = torch.tensor([0.3])
    tie = model.preference_dist(d, {}).log_prob(torch.tensor([0.5]))
    torch.testing.assert_close(tie, (d.sigmoid().log() + (-d).sigmoid().log()) / 2)
    davidson = model.preference_dist(d, {"log_tie": torch.tensor(0.2)})
    assert davidson.log_prob(torch.tensor([0.5])).shape == (1,)
    three = torch.stack([davidson.log_prob(torch.tensor([y])).exp() for y in (0.0, 0.5, 1.0)])
    torch.testing.assert_close(three.sum(0), torch.ones(1))
    many = model.preference_dist(d.expand(7, 1), {"log_tie": torch.zeros(7)})
    assert many.log_prob(torch.tensor([0.5])).shape == (7, 1)


def test_a_latent_gate_has_weights_of_its_own_in_each_draw() -> None:
    """Their means are those of each draw's gate; the network, which is none of them, plays no part."""
    model = vrm_rows.model(3, weights={"gate": "latent", "precision": 500.0})
    gate = torch.randn(2, 2, 4, generator=torch.Generator().manual_seed(0))
    x = torch.tensor([[1.0, -2.0, 0.5], [0.0, 0.0, 0.0]])
    w = weight_draws(model, {"gate": gate.repeat_interleave(2000, 0)}, x)
    padded = torch.cat([x / 3**0.5, torch.ones(2, 1)], 1)
    for i in range(2):
        expected = (padded @ gate[i].T @ model.rotation.T).softmax(-1)
        torch.testing.assert_close(w[2000 * i : 2000 * (i + 1)].mean(0), expected, atol=0.01, rtol=0)
    assert weight_draws(model, {"gate": gate}, x, 5).shape == (5, 2, 3)
    model.weights.set_gate(gate[0])  # type: ignore[union-attr, operator]
    torch.testing.assert_close(model.weights.mean(x), model.weights.posterior(x, gate[0]).mean)  # type: ignore[call-arg]
