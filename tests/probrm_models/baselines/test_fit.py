from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from pyro import poutine
from scipy import stats
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from probrm.data.batch import Batch
from probrm.errors import ConfigError, DataError
from probrm.posterior import predict_rewards, summarise
from probrm_models.baselines import BASELINES, BaselineConfig, BaselineModel, fit_baseline
from probrm_models.baselines.config import config_from, default_config, settings_of
from probrm_models.baselines.link import Link
from probrm_models.baselines.propensity import relative_propensity
from probrm_models.baselines.rows import Rows


@pytest.mark.parametrize("name", BASELINES)
def test_every_method_fits(name: str, implicit_data: Callable[..., Any]) -> None:
    """Ranks answers, has one draw, and forgets nothing on the way through its own description."""
    data = implicit_data(800, 4, users=20, labels=20)
    fitted = fit_baseline(name, data.batch, data.shape, seed=1)
    assert {len(value) for value in fitted.draws.values()} == {1}
    assert fitted.model.kind == name
    rewards = predict_rewards(fitted.model, fitted.draws, data.batch)
    assert set(rewards.reward_sd) == {0.0}
    assert roc_auc_score(data.preference, rewards.reward) > 0.7
    again = BaselineModel.from_spec(fitted.model.spec())
    torch.testing.assert_close(again.log_likelihood(fitted.draws, data.batch), fitted.model.log_likelihood(fitted.draws, data.batch))
    assert {float(np.max(v.sd)) for v in summarise(fitted.model, fitted.draws).values()} == {0.0}
    assert fitted.statistics["l2"]["l2"] in BaselineConfig().l2
    twice = fit_baseline(name, data.batch, data.shape, seed=1)
    for site, value in fitted.draws.items():
        torch.testing.assert_close(twice.draws[site], value, rtol=0, atol=0)


@pytest.mark.parametrize("name", BASELINES)
def test_adam(name: str, implicit_data: Callable[..., Any]) -> None:
    """Minibatches come close to all rows at once."""
    data = implicit_data(600, 4)
    own = replace(default_config(name), l2=(1.0,))
    held = np.arange(0)
    exact = fit_baseline(name, data.batch, data.shape, held_out=held, config=own)
    adam = fit_baseline(name, data.batch, data.shape, held_out=held, config=replace(own, optimiser="adam", epochs=60))
    a, b = (f.model.reward(f.draws, data.batch)[0] for f in (exact, adam))
    assert float(torch.corrcoef(torch.stack([a, b]))[0, 1]) > 0.98


def test_naive_is_scikit_learns_logistic_regression(implicit_data: Callable[..., Any]) -> None:
    data = implicit_data(500, 4)
    config = replace(BaselineConfig(), l2=(2.0,))
    fitted = fit_baseline("naive", data.batch, data.shape, held_out=np.arange(0), config=config)
    x = data.batch["embedding"].double().numpy() / 2
    reference = LogisticRegression(C=0.5, tol=1e-8, max_iter=1000).fit(x, data.batch["action"].numpy())
    np.testing.assert_allclose(fitted.draws["reward_weights"][0], reference.coef_[0], atol=0.01)


def test_labels_take_the_actions_place(implicit_data: Callable[..., Any]) -> None:
    """With a verdict on every row all pointwise methods are the same regression of the verdict."""
    data = implicit_data(400, 4)
    columns = dict(data.batch.columns) | {"label": data.preference}
    batch, config = Batch(columns, 400), replace(BaselineConfig(), l2=(1.0,))
    found = {
        name: fit_baseline(name, batch, data.shape, held_out=np.arange(0), config=config).draws["reward_weights"]
        for name in ("naive", "ips", "doubly-robust", "rel-mf", "upu", "nnpu")
    }
    reference = LogisticRegression(C=1.0, tol=1e-8, max_iter=1000).fit(batch["embedding"].numpy() / 2, data.preference.numpy())
    for value in found.values():
        np.testing.assert_allclose(value[0], reference.coef_[0], atol=0.02)


def test_selection_looks_at_actions_only(implicit_data: Callable[..., Any]) -> None:
    """Verdicts of held-out rows change the refit, not the scores."""
    data = implicit_data(600, 4)
    held = np.arange(500, 600)
    label = data.batch["label"].clone()
    label[500:] = 1 - data.preference[500:]
    other = Batch(dict(data.batch.columns) | {"label": label}, 600)
    one, two = (fit_baseline("ips", batch, data.shape, held_out=held) for batch in (data.batch, other))
    assert one.statistics["l2"]["scores"] == two.statistics["l2"]["scores"]
    assert one.held_out == max(s["held_out"] for s in one.statistics["l2"]["scores"])
    assert not torch.equal(one.draws["reward_weights"], two.draws["reward_weights"])


def test_known_propensities_are_used(implicit_data: Callable[..., Any]) -> None:
    """With the true ones the doubly robust fit comes nearer to the truth than with relative ones."""
    data = implicit_data(4000, 4)
    mu = torch.sigmoid(-0.3 + data.batch["propensity_covariates"] @ data.effects)
    known = Batch(dict(data.batch.columns) | {"known_propensity": mu.clamp(min=0.05)}, 4000)
    true = torch.sigmoid(data.reward)
    error = {}
    for name, batch in (("relative", data.batch), ("known", known)):
        fitted = fit_baseline("doubly-robust", batch, data.shape)
        error[name] = float((torch.sigmoid(fitted.model.reward(fitted.draws, batch)[0]) - true).square().mean())
    assert error["known"] < 0.7 * error["relative"]


def test_the_relative_propensity_against_scikit_learn(implicit_data: Callable[..., Any]) -> None:
    data = implicit_data(500, 4, users=10)
    rows = Rows.of(data.batch, data.shape)
    found = relative_propensity(rows, replace(BaselineConfig(), power=0.5, floor=0.3))
    x = np.hstack([data.batch["propensity_covariates"].numpy(), np.eye(10)[data.batch["user"].numpy()]])
    p = LogisticRegression(C=1.0, max_iter=1000).fit(x, data.batch["action"].numpy()).predict_proba(x)[:, 1]
    np.testing.assert_allclose(found.rows, np.maximum(np.sqrt(np.minimum(1, p / np.percentile(p, 99))), 0.3), atol=1e-3)


def test_without_covariates_the_propensity_is_one(implicit_data: Callable[..., Any]) -> None:
    data = implicit_data(300, 4)
    batch = Batch(dict(data.batch.columns) | {"propensity_covariates": torch.zeros(300, 0)}, 300)
    rows = Rows.of(batch, replace(data.shape, propensity_effects=()))
    np.testing.assert_allclose(relative_propensity(rows, BaselineConfig()).rows, 1.0, atol=1e-9)


def test_link() -> None:
    logit, known = torch.tensor([-20.0, 0.0, 20.0]), torch.tensor([torch.nan, 0.7, torch.nan])
    torch.testing.assert_close(Link(0.5, 0.5, 0.1)(logit, known), torch.tensor([0.1, 0.7, 1.0]))
    torch.testing.assert_close(Link(0.5, heeds_known=False)(logit, known)[1], torch.tensor(1.0))


def test_density_of_the_process(double: None, implicit_data: Callable[..., Any]) -> None:
    data = implicit_data(40, 4)
    batch = data.batch.to(dtype=torch.float64)
    model = BaselineModel(data.shape, "naive", l2=4.0)
    trace: Any = poutine.trace(model).get_trace(batch)
    b, w = (trace.nodes[name]["value"] for name in ("reward_intercept", "reward_weights"))
    prior = stats.norm.logpdf(float(b), 0, 10) + stats.norm.logpdf(w.numpy(), 0, 0.5).sum()
    probability = torch.sigmoid(b + batch["embedding"] @ w / 2).numpy()
    likelihood = stats.bernoulli.logpmf(batch["action"].numpy(), probability).sum()
    assert float(trace.log_prob_sum()) == pytest.approx(prior + likelihood, abs=1e-8)


def test_users_that_the_fit_has_not_seen_are_average(implicit_data: Callable[..., Any]) -> None:
    data = implicit_data(400, 4, users=5)
    fitted = fit_baseline("ips", data.batch, data.shape)
    strangers = Batch(dict(data.batch.columns) | {"user": data.batch["user"] + 5}, 400)
    without = {name: value for name, value in fitted.draws.items() if name != "user_activity"}
    assert isinstance(fitted.model, BaselineModel)
    torch.testing.assert_close(fitted.model.propensity(fitted.draws, strangers), fitted.model.propensity(without, data.batch))


def test_what_is_refused(implicit_data: Callable[..., Any]) -> None:
    data = implicit_data(100, 4)
    with pytest.raises(ConfigError, match="there is no 'isp'"):
        fit_baseline("isp", data.batch, data.shape)
    idle = Batch(dict(data.batch.columns) | {"action": torch.zeros(100)}, 100)
    with pytest.raises(DataError, match="the action is 0 in all"):
        fit_baseline("naive", idle, data.shape)
    with pytest.raises(ConfigError, match=r"model\.floor: naive has no use for it"):
        config_from("naive", {"floor": 0.1})
    with pytest.raises(ConfigError, match="nothing to select by"):
        fit_baseline("naive", data.batch, data.shape, held_out=np.arange(0))


@pytest.mark.parametrize("name", BASELINES)
def test_settings_come_back(name: str) -> None:
    assert config_from(name, settings_of(name, default_config(name))) == replace(default_config(name))


def test_five_penalties_take_less_than_a_few_seconds(implicit_data: Callable[..., Any]) -> None:
    """0.1 s on an idle core; the bound leaves room for a busy machine."""
    data = implicit_data(1500, 64)
    began = time.process_time()
    fit_baseline("ips", data.batch, data.shape)
    assert time.process_time() - began < 3


@pytest.mark.parametrize("name", ["sar-em", "recrec"])
def test_em_recovers_the_truth_where_the_features_differ(name: str, implicit_data: Callable[..., Any]) -> None:
    """Covariates that only the propensity has, and which clicks confound with the embedding: naive ranks worse, EM all but best."""
    data = implicit_data(6000, 6, seed=3, confounded=1.0)
    best = roc_auc_score(data.preference, data.reward)
    auc = {}
    for method in (name, "naive"):
        fitted = fit_baseline(method, data.batch, data.shape, seed=0)
        auc[method] = roc_auc_score(data.preference, fitted.model.reward(fitted.draws, data.batch)[0])
    assert auc["naive"] < best - 0.02
    assert auc[name] > best - 0.01
