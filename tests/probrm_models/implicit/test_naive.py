from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from pyro import poutine
from scipy import stats
from scipy.special import logit as logit_of
from sklearn.linear_model import LogisticRegression

from probrm.data.batch import Batch
from probrm.guides import Layout
from probrm.inference import fit
from probrm.inference.laplace.potential import Potential
from probrm.inference.laplace.rows_energy import RowsEnergy
from probrm.priors import Beta, Normal
from probrm.recipes.logs.shape import LogShape
from probrm_models.implicit.config import ImplicitConfig, ImplicitPriors
from probrm_models.implicit.model import ImplicitModel
from probrm_models.implicit.naive import NaiveModel

PRIORS = ImplicitConfig(priors=ImplicitPriors(base_rate=Beta(2.0, 3.0), weights=Normal(0.0, 1.5), effects=Normal(0.0, 0.7)))
SHAPE = LogShape(4, ("x",), ("z",), ("ann", "bob"))


def rows(n: int = 40, weight: float = 1.0) -> Batch:
    generator = torch.Generator().manual_seed(0)
    columns = {
        "embedding": torch.randn(n, 4, generator=generator),
        "reward_covariates": torch.randn(n, 1, generator=generator),
        "action": torch.randint(0, 2, (n,), generator=generator).float(),
        "weight": torch.full((n,), weight),
    }
    return Batch(columns, n)


@pytest.mark.parametrize(("weight", "total"), [(1.0, 40), (2.5, 400)])
def test_density_against_scipy(weight: float, total: int, double: None) -> None:
    batch = Batch(rows(weight=weight).to(dtype=torch.float64).columns, total)
    model = NaiveModel(SHAPE, PRIORS)
    trace: Any = poutine.trace(model).get_trace(batch)
    value = {name: trace.nodes[name]["value"].numpy() for name in ("base_rate", "reward_weights", "reward_effects")}
    reward = logit_of(value["base_rate"]) + batch["embedding"].numpy() @ value["reward_weights"] / 2  # √4
    reward = reward + batch["reward_covariates"].numpy() @ value["reward_effects"]
    prior = stats.beta.logpdf(value["base_rate"], 2, 3) + stats.norm.logpdf(value["reward_weights"], 0, 1.5).sum()
    prior += stats.norm.logpdf(value["reward_effects"], 0, 0.7).sum()
    likelihood = stats.bernoulli.logpmf(batch["action"].numpy(), 1 / (1 + np.exp(-reward)))
    assert float(trace.log_prob_sum()) == pytest.approx(prior + weight * total / 40 * likelihood.sum(), abs=1e-8)
    values = {name: torch.as_tensor(v) for name, v in value.items()}
    np.testing.assert_allclose(model.log_likelihood(values, batch).numpy(), likelihood, atol=1e-10)


def test_the_mode_is_that_of_logistic_regression(implicit_data: Callable[..., Any]) -> None:
    """With a normal prior of known scale it is ridge regression; the prior of the level hardly matters at n = 2000."""
    data = implicit_data(2000, 4)
    config = ImplicitConfig(priors=ImplicitPriors(base_rate=Beta(1.0, 1.0), weights=Normal(0.0, 1.0)))
    fitted = fit(NaiveModel(data.shape, config), data.batch, inference="laplace", starts=1)
    x = data.batch["embedding"].numpy() / 2
    reference = LogisticRegression(C=1.0, tol=1e-8, max_iter=1000).fit(x, data.batch["action"].numpy())
    sd = fitted.draws["reward_weights"].std(0).numpy()
    np.testing.assert_array_less(np.abs(fitted.draws["reward_weights"].mean(0).numpy() - reference.coef_[0]), 0.15 * sd)
    level = torch.logit(fitted.draws["base_rate"])
    assert float(level.mean()) == pytest.approx(float(reference.intercept_[0]), abs=0.15 * float(level.std()))


def test_it_takes_inactivity_for_dislike(implicit_data: Callable[..., Any]) -> None:
    """What it learns is the rate of actions: below the preference wherever some users do not act."""
    data = implicit_data(2000, 4)
    fitted = fit(NaiveModel(data.shape), data.batch, inference="laplace", starts=1)
    reward = fitted.model.reward(fitted.draws, data.batch).mean(0)
    assert float(reward.sigmoid().mean()) == pytest.approx(float(data.batch["action"].mean()), abs=0.02)
    assert float(reward.sigmoid().mean()) < float(data.preference.mean()) - 0.1


def test_it_sees_nothing_of_the_propensity() -> None:
    model = NaiveModel(SHAPE, PRIORS)
    assert model.shape == LogShape(4, ("x",))
    assert all(name.startswith("reward_") for name in model.dims())
    assert model.coords() == {"reward_feature": ["h0", "h1", "h2", "h3"], "reward_effect": ["x"]}
    model(rows())  # a batch without users and propensity covariates
    assert "reward_effects" not in poutine.trace(NaiveModel(LogShape(4))).get_trace(rows()).nodes


def test_what_it_does_not_read_may_be_missing() -> None:
    """It is fitted to the implicit model's batch: propensities known of some rows, pairs, actions that were not observed."""
    batch = rows()
    unknown = torch.full((len(batch),), torch.nan)
    unread = {"known_propensity": unknown, "won": unknown, "actions": unknown[:, None], "label": unknown}
    fitted = fit(NaiveModel(SHAPE, PRIORS), Batch({**batch.columns, **unread}, len(batch)), inference="laplace", starts=1)
    alone = fit(NaiveModel(SHAPE, PRIORS), batch, inference="laplace", starts=1)
    assert torch.equal(fitted.draws["reward_weights"], alone.draws["reward_weights"])


def test_spec_rebuilds_it() -> None:
    model = NaiveModel(SHAPE, PRIORS)
    again = NaiveModel.from_spec(model.spec())
    assert again.spec() == model.spec()
    values = {"base_rate": torch.tensor(0.3), "reward_weights": torch.ones(4), "reward_effects": torch.ones(1)}
    assert torch.equal(again.reward(values, rows()), model.reward(values, rows()))


def test_its_rewards_are_those_of_the_implicit_model_given_the_same_values() -> None:
    """So that a comparison of the two compares what they learned, not how they score."""
    values = {"base_rate": torch.tensor([0.3, 0.6]), "reward_weights": torch.randn(2, 4), "reward_effects": torch.randn(2, 1)}
    assert torch.equal(NaiveModel(SHAPE).reward(values, rows()), ImplicitModel(SHAPE).reward(values, rows()))


@pytest.mark.parametrize("shape", [SHAPE, LogShape(4)], ids=["an effect", "none"])
def test_the_linear_form_is_the_rows_density(shape: LogShape) -> None:
    """Value and the sampler's gradient against Pyro's trace, curvature against one backward pass a coordinate."""
    batch = Batch(rows(weight=2.5).to(dtype=torch.float64).columns, 400)
    model = NaiveModel(shape, PRIORS)
    potential = Potential(model, Layout.of(model, rows()), batch)
    z = 0.5 * torch.randn(potential.layout.size).double()
    assert float(potential(z)) == pytest.approx(-float(potential._log_density(z, batch, rows=True)), abs=1e-8)
    for found, expected in zip(potential.curvature(z), potential._arrow(z, rows=True), strict=True):
        assert torch.allclose(found, expected, atol=1e-8)
    z.requires_grad_()
    values = potential.layout.constrain(z)
    quick = potential.prior(z) + RowsEnergy(model.linear_form(batch))(model.linear_form(batch).coefficients(values))
    found, expected = (torch.autograd.grad(value, z)[0] for value in (quick, -potential._log_density(z, batch, rows=True)))
    assert float((found - expected).norm()) < 1e-6 * float(expected.norm())
