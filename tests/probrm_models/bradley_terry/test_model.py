from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from pyro import poutine
from scipy import stats
from scipy.special import log_expit
from sklearn.linear_model import LogisticRegression
from torch import Tensor

from probrm.data import Batch
from probrm.guides import Layout
from probrm.heads import HeadConfig
from probrm.inference import SVI, InferenceConfig, Laplace, fit
from probrm.inference.laplace.potential import Potential
from probrm.priors import Horseshoe, Normal
from probrm.recipes.pairs.shape import PairShape
from probrm_models.bradley_terry.config import BradleyTerryConfig, BradleyTerryPriors
from probrm_models.bradley_terry.model import BradleyTerryModel, DeterministicModel

RIDGE = BradleyTerryConfig(BradleyTerryPriors(weights=Normal(0.0, 1.5), log_tie=Normal(0.2, 0.8)))


def pairs(n: int = 40, d: int = 4, *, seed: int = 0, weights: Tensor | None = None, log_tie: float | None = None) -> Batch:
    """Pairs from the model itself; without weights, from random ones."""
    generator = torch.Generator().manual_seed(seed)
    weights = torch.randn(d, generator=generator) if weights is None else weights
    chosen, rejected = torch.randn(2, n, d, generator=generator)
    difference = (chosen - rejected) @ weights / d**0.5
    logits = torch.stack([-difference / 2, torch.full_like(difference, -math.inf if log_tie is None else log_tie), difference / 2], -1)
    outcome = torch.multinomial(logits.softmax(-1), 1, generator=generator)[:, 0] / 2
    columns = {"chosen": chosen, "rejected": rejected, "outcome": outcome, "weight": torch.ones(n)}
    return Batch(columns, n)


def test_density_against_scipy(double: None) -> None:
    """Rows weigh what they weigh, count as much of it as they share, and a minibatch stands for the whole."""
    batch = pairs(log_tie=0.0).to(dtype=torch.float64)
    batch = Batch({**batch.columns, "weight": torch.linspace(0.5, 2, 40), "share": torch.linspace(1, 0.2, 40)}, 400)
    model = BradleyTerryModel(PairShape(4, ties=True), RIDGE)
    trace: Any = poutine.trace(model).get_trace(batch)
    w, log_tie = (trace.nodes[name]["value"].numpy() for name in ("reward_weights", "log_tie"))
    d = (batch["chosen"] - batch["rejected"]).numpy() @ w / 2  # √4
    scores = np.stack([-d / 2, np.full_like(d, log_tie), d / 2])
    likelihood = (scores - np.logaddexp.reduce(scores, axis=0))[(2 * batch["outcome"].numpy()).astype(int), np.arange(40)]
    prior = stats.norm.logpdf(w, 0, 1.5).sum() + stats.norm.logpdf(log_tie, 0.2, 0.8)
    assert float(trace.log_prob_sum()) == pytest.approx(prior + 10 * (batch["weight"] * batch["share"]).numpy() @ likelihood, abs=1e-8)
    values = {"reward_weights": torch.as_tensor(w), "log_tie": torch.as_tensor(log_tie)}
    np.testing.assert_allclose(model.log_likelihood(values, batch).numpy(), likelihood, atol=1e-10)


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("weights", [Normal(0.0, 1.5), Horseshoe(0.3)], ids=["normal", "horseshoe"])
def test_matrix_products_give_the_hessian_of_automatic_differentiation(ties: bool, weights: Any, double: None) -> None:
    batch = pairs(log_tie=0.0 if ties else None).to(dtype=torch.float64)
    batch = Batch({**batch.columns, "weight": torch.linspace(0.5, 2, 40), "share": torch.linspace(1, 0.2, 40)}, 400)
    model = BradleyTerryModel(PairShape(4, ties), BradleyTerryConfig(BradleyTerryPriors(weights=weights)))
    layout = Layout.of(model, batch)
    potential = Potential(model, layout, batch)
    z = 0.5 * torch.randn(layout.size)
    assert potential.form is not None
    found, by_hand = potential.curvature(z)[2], potential._arrow(z, rows=True)[2]
    direct: Any = torch.autograd.functional.hessian(lambda x: -potential._log_density(x, batch, rows=True), z)
    torch.testing.assert_close(found, direct, atol=1e-8, rtol=1e-8)
    torch.testing.assert_close(by_hand, direct, atol=1e-8, rtol=1e-8)
    torch.testing.assert_close(potential(z), -potential._log_density(z, batch, rows=True))


def test_a_trunk_has_no_linear_form() -> None:
    assert BradleyTerryModel(PairShape(4), BradleyTerryConfig(head=HeadConfig("mlp", (3,)))).linear_form(pairs()) is None


def test_without_ties_half_an_outcome_is_half_a_win_each(double: None) -> None:
    batch = pairs().to(dtype=torch.float64)
    batch = Batch({**batch.columns, "outcome": torch.full((40,), 0.5)}, 40)
    values = {"reward_weights": torch.randn(4)}
    d = ((batch["chosen"] - batch["rejected"]) @ values["reward_weights"] / 2).numpy()
    found = BradleyTerryModel(PairShape(4), RIDGE).log_likelihood(values, batch)
    np.testing.assert_allclose(found.numpy(), (log_expit(d) + log_expit(-d)) / 2, atol=1e-10)


def test_difference_is_that_of_two_rewards() -> None:
    batch, values = pairs(), {"reward_weights": torch.randn(5, 3)}
    model = BradleyTerryModel(PairShape(4), BradleyTerryConfig(head=HeadConfig("mlp", (8, 3)))).requires_grad_(False)
    model.origin += torch.randn(3)
    chosen, rejected = (model.reward(values, Batch({"response": batch[side]}, 40)) for side in ("chosen", "rejected"))
    assert chosen.shape == (5, 40)
    torch.testing.assert_close(model.difference(values, batch), chosen - rejected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("head", [HeadConfig(), HeadConfig("mlp", (8, 3))])
def test_centred_on_pairs_their_distinct_responses_have_reward_zero_on_average(head: HeadConfig) -> None:
    batch = pairs(6)
    columns = dict(batch.columns)
    columns["chosen"] = columns["chosen"][[0, 0, 0, 1, 1, 5]]  # three pairs with the first response, two with the second
    indices = {"chosen_index": torch.tensor([0, 0, 0, 1, 1, 2]), "rejected_index": torch.arange(3, 9)}
    batch = Batch(columns | indices, 6)
    model = BradleyTerryModel(PairShape(4), BradleyTerryConfig(head=head)).requires_grad_(False)
    model.centre_on(batch)
    distinct = torch.cat([columns["chosen"][[0, 3, 5]], columns["rejected"]])
    rewards = model.reward({"reward_weights": torch.randn(20, model.trunk.out_dim)}, Batch({"response": distinct}, 9))
    np.testing.assert_allclose(rewards.mean(1).numpy(), 0, atol=1e-6)
    assert float(rewards.std()) > 0.1


def newton(x: np.ndarray, outcome: np.ndarray, scale: float) -> tuple[np.ndarray, np.ndarray]:
    """Mode and covariance of Bradley–Terry's weights under N(0, scale²), by plain Newton."""
    w = np.zeros(x.shape[1])
    for _ in range(50):
        p = 1 / (1 + np.exp(-x @ w))
        hessian = (x * (p * (1 - p))[:, None]).T @ x + np.eye(len(w)) / scale**2
        w += np.linalg.solve(hessian, x.T @ (outcome - p) - w / scale**2)
    return w, np.linalg.inv(hessian)


def test_laplace_is_newton_s_mode_and_curvature() -> None:
    """Moments of 20,000 draws: within 5 standard errors of those of the exact Gaussian, for all 4 means and 16 covariances."""
    batch, n = pairs(300), 20_000
    fitted = fit(BradleyTerryModel(PairShape(4), RIDGE), batch, inference="laplace", starts=1)
    x = (batch["chosen"] - batch["rejected"]).double().numpy() / 2
    mode, covariance = newton(x, batch["outcome"].double().numpy(), 1.5)
    reference = LogisticRegression(C=1.5**2, fit_intercept=False, tol=1e-10).fit(x, batch["outcome"].numpy())
    np.testing.assert_allclose(mode, reference.coef_[0], atol=1e-5)
    with torch.random.fork_rng():
        draws = fitted.guide.draws(n)["reward_weights"].double().numpy()
    sd = np.sqrt(np.diag(covariance))
    np.testing.assert_array_less(np.abs(draws.mean(0) - mode), 5 * sd / n**0.5)
    error = np.sqrt((covariance**2 + np.outer(sd, sd) ** 2) / n)
    np.testing.assert_array_less(np.abs(np.cov(draws.T) - covariance), 5 * error)


@pytest.mark.parametrize("inference", [Laplace(), SVI(max_steps=150)], ids=["laplace", "svi"])
def test_intervals_of_weights_and_of_the_tie_parameter_hold_the_truth_as_often_as_they_say(
    inference: InferenceConfig, seed_shift: int
) -> None:
    """20 fits of 5 weights and a tie parameter drawn from the prior: 108 of 120 expected within 90 % intervals.

    Weights of one fit are nearly independent: with a standard deviation of 3.3, fewer than 95 or more than 119 come with
    probability 2e-4 (100 to 114 in 13 shifts of the seeds). Intervals of half the width hold 71 of them (59 %).
    """
    inside, total, halved = 0, 0, 0
    for seed in range(20):
        generator = torch.Generator().manual_seed(1000 * seed_shift + seed)
        weights = 1.5 * torch.randn(5, generator=generator)
        log_tie = 0.2 + 0.8 * float(torch.randn((), generator=generator))
        batch = pairs(400, 5, seed=seed + 1000 * seed_shift, weights=weights, log_tie=log_tie)
        fitted = fit(BradleyTerryModel(PairShape(5, ties=True), RIDGE), batch, inference=inference, starts=1, seed=seed)
        truth = torch.cat([weights, torch.tensor([log_tie])])
        draws = torch.cat([fitted.draws["reward_weights"], fitted.draws["log_tie"][:, None]], 1)
        low, centre, high = torch.quantile(draws, torch.tensor([0.05, 0.5, 0.95]), dim=0)
        inside += int(((low <= truth) & (truth <= high)).sum())
        halved += int(((truth - centre).abs() <= (high - low) / 4).sum())
        total += 6
    assert 95 <= inside <= 119, f"{inside} of {total}"
    assert halved < 95, f"{halved} of {total} within half as wide intervals"


@pytest.mark.parametrize("guide", ["auto-normal", "low-rank", "full-rank", "delta"])
def test_every_guide_over_the_weights_fits(guide: str) -> None:
    batch = pairs(300, weights=torch.tensor([3.0, -2.0, 0.0, 0.0]))
    fitted = fit(BradleyTerryModel(PairShape(4)), batch, guide=guide, inference=SVI(max_steps=100), starts=1)
    mean = fitted.draws["reward_weights"].mean(0)
    np.testing.assert_allclose(mean.numpy(), [3.0, -2.0, 0.0, 0.0], atol=0.9)  # 4 posterior standard deviations


def test_a_network_learns_what_no_weights_over_the_embedding_can() -> None:
    """The reward is the product of two inputs: a linear head is at a coin's −0.693 nats."""
    generator = torch.Generator().manual_seed(0)
    chosen, rejected = torch.randn(2, 3000, 2, generator=generator)
    difference = 3 * (chosen.prod(1) - rejected.prod(1))
    swap = torch.rand(3000, generator=generator) > difference.sigmoid()
    columns = {"chosen": torch.where(swap[:, None], rejected, chosen), "rejected": torch.where(swap[:, None], chosen, rejected)}
    batch = Batch(columns | {"outcome": torch.ones(3000), "weight": torch.ones(3000)}, 3000)
    train, held_out = batch.subset(torch.arange(2000)), batch.subset(torch.arange(2000, 3000))
    scores = {}
    for name in ("linear", "mlp"):
        config = BradleyTerryConfig(head=HeadConfig(name, (32, 8)))
        model = BradleyTerryModel(PairShape(2), config)
        settings = SVI(network_learning_rate=0.01, max_steps=600, refit=False)
        scores[name] = fit(model, train, held_out=held_out, inference=settings, starts=1).held_out
    assert scores["linear"] == pytest.approx(-math.log(2), abs=0.02)
    assert scores["mlp"] > -0.55


def test_spec_rebuilds_it() -> None:
    config = BradleyTerryConfig(BradleyTerryPriors(weights=Horseshoe(0.5)), HeadConfig("mlp", (8, 3)))
    for kind in (BradleyTerryModel, DeterministicModel):
        model = kind(PairShape(4, ties=True), config)
        again = kind.from_spec(model.spec())
        assert type(again) is kind
        assert again.spec() == model.spec()
        model.origin += 1.0
        again.load_state_dict(model.state_dict())
        values = {"reward_weights": torch.ones(3)}
        assert torch.equal(again.reward(values, pairs()), model.reward(values, pairs()))
    nodes = poutine.trace(model).get_trace(pairs()).nodes
    assert {"reward_weights", "reward_weights_local", "log_tie"} <= set(nodes)
    assert list(model.axes("reward_weights_local", (3,))) == ["reward_feature"]
    assert model.coords() == {"reward_feature": ["h0", "h1", "h2"]}


def test_names_tell_the_two_apart() -> None:
    assert (BradleyTerryModel.kind, DeterministicModel.kind) == ("bradley-terry", "deterministic")
