from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from sklearn.linear_model import LogisticRegression

from probrm.actions import Click
from probrm.data.batch import Batch
from probrm.recipes.logs.shape import LogShape
from probrm_models.baselines.config import BaselineConfig
from probrm_models.baselines.em import EM, State
from probrm_models.baselines.em_adam import run_adam
from probrm_models.baselines.logistic import BoundedLogistic
from probrm_models.baselines.rows import Rows
from probrm_models.implicit.strata import stratum_posterior


def rows(n: int = 200, *, labels: int = 20, known: bool = False, seed: int = 0) -> Rows:
    draw = np.random.default_rng(seed)
    x, z, user = draw.normal(size=(n, 3)), draw.normal(size=(n, 2)), draw.integers(0, 5, n)
    preference = draw.random(n) < 1 / (1 + np.exp(-x @ [1.5, -1, 0]))
    active = draw.random(n) < 1 / (1 + np.exp(-z @ [1.5, 0] - np.linspace(-1, 1, 5)[user]))
    label = np.full(n, np.nan)
    label[:labels] = preference[:labels]
    columns = {
        "embedding": x,
        "reward_covariates": np.zeros((n, 0)),
        "propensity_covariates": z,
        "user": user,
        "action": (preference & active).astype(float),
        "label": label,
        "weight": draw.uniform(0.5, 2, n),
    }
    if known:
        columns["known_propensity"] = np.where(np.arange(n) % 2 == 0, 0.6, np.nan)
    batch = Batch({name: torch.as_tensor(value) for name, value in columns.items()}, n)
    return Rows.of(batch, LogShape(3, (), ("a", "b"), tuple("uvwxy")))


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("known", [False, True])
def test_every_round_raises_the_likelihood(shared: bool, known: bool) -> None:
    em = EM(rows(known=known), 1.0, BaselineConfig(), shared=shared)
    state = em.start(0)
    values = [em.log_likelihood(state)]
    for _ in range(60):
        state = em.iterate(state)
        values.append(em.log_likelihood(state))
    assert np.diff(values).min() > -1e-9
    assert values[-1] - values[0] > 10


def test_the_likelihood_is_that_of_an_enumeration() -> None:
    """Over both latents, row by row."""
    data = rows()
    em = EM(data, 1.0, BaselineConfig(), shared=False)
    state = em.iterate(em.start(0))
    gamma, mu = (torch.sigmoid(logit) for logit in em.logits(state))
    total = 0.0
    for i in range(len(data)):
        found = 0.0
        for r in (0, 1):
            for a in (0, 1):
                if r * a == data.action[i] and (data.label[i].isnan() or data.label[i] == r):
                    found += float((gamma[i] if r else 1 - gamma[i]) * (mu[i] if a else 1 - mu[i]))
        total += float(data.weight[i]) * np.log(found)
    penalty = em.reward.penalised(state.theta, torch.zeros(0)) + em.propensity.penalised(state.phi, state.activity)
    assert em.log_likelihood(state) == pytest.approx(total - penalty, abs=1e-8)


def test_the_e_step_is_the_posterior_of_the_strata() -> None:
    data = rows()
    for shared in (False, True):
        em = EM(data, 1.0, BaselineConfig(), shared=shared)
        state = em.start(1)
        strata = stratum_posterior(*em.logits(state), data.action, Click(), 0.0, data.label)
        liked, active, weight = em.expectation(state)
        torch.testing.assert_close(liked, strata[:, 0] + strata[:, 2])
        torch.testing.assert_close(active, strata[:, 0] + strata[:, 1] if shared else data.action)
        torch.testing.assert_close(weight, data.weight if shared else data.weight * liked)


@pytest.mark.parametrize("shared", [False, True])
def test_it_ends_where_the_gradient_is_nought(shared: bool) -> None:
    """EM's fixed point is a maximum of the penalised likelihood: no move by scipy gains anything."""
    em = EM(rows(), 1.0, replace(BaselineConfig(), iterations=1000), shared=shared)
    state = em.start(0)
    for _ in range(1000):
        state = em.iterate(state)
    p, q = len(state.theta), len(state.phi)

    def negative(at: np.ndarray) -> float:
        full = torch.from_numpy(at)
        return -em.log_likelihood(State(full[:p], full[p : p + q], full[p + q :]))

    packed = torch.cat([state.theta, state.phi, state.activity]).numpy()
    found = minimize(negative, packed, method="L-BFGS-B")
    assert found.fun == pytest.approx(negative(packed), abs=1e-3)


def test_contradictions_go_by_the_verdict() -> None:
    data = rows()
    action = data.action.clone()
    action[:5] = 1.0
    label = data.label.clone()
    label[:5] = 0.0
    for shared in (False, True):
        em = EM(replace(data, action=action, label=label), 1.0, BaselineConfig(), shared=shared)
        liked, active, weight = em.expectation(em.start(0))
        assert bool((liked[:5] == 0).all())
        assert all(bool(torch.isfinite(part).all()) for part in (liked, active, weight))


def test_adam_comes_to_the_same_place() -> None:
    data = rows()
    config = replace(BaselineConfig(), learning_rate=0.02, epochs=400, batch_size=200)
    em = EM(data, 1.0, config, shared=False)
    state = em.start(0)
    adam = run_adam(em, state, 0)
    exact = em.run(state)
    assert em.log_likelihood(adam) == pytest.approx(em.log_likelihood(exact), abs=0.5)


def test_bounded_steps_end_at_scikit_learns_logistic_regression() -> None:
    data = rows(400)
    users = torch.nn.functional.one_hot(data.user, 5).double()
    one = BoundedLogistic(data.z, torch.tensor([1e-10, 1.0, 1.0], dtype=torch.float64), data.weight, data.user, 5, 1.0)
    theta, activity = torch.zeros(3, dtype=torch.float64), torch.zeros(5, dtype=torch.float64)
    for _ in range(400):
        theta, activity = one.step(theta, activity, data.action, data.weight)
    reference = LogisticRegression(C=1.0, tol=1e-10, max_iter=2000).fit(
        np.hstack([data.z[:, 1:], users]), data.action.numpy(), sample_weight=data.weight.numpy()
    )
    np.testing.assert_allclose(torch.cat([theta[1:], activity]), reference.coef_[0], atol=1e-4)
