from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from probrm.data.batch import Batch
from probrm.data.logs.actions import parse_actions
from probrm.recipes.logs.shape import LogShape
from probrm_models.implicit.identifiability.row_checks import label_disagreement, overlap_of, row_checks
from probrm_models.implicit.model import ImplicitModel
from probrm_models.implicit.multi_action.model import MultiActionModel
from tests.probrm_models.implicit.identifiability.base_rate_support import around, rows

SEEN = 2000


def truth(effect: float = 0.0, users: float = 0.0, seed: int = 0, n: int = SEEN) -> tuple[Batch, Tensor]:
    """γ = σ(2x), μ = σ(effect z + activity); and the users' activity."""
    data = rows(n, 1, 1, users=20, seed=seed)
    rng = torch.Generator().manual_seed(seed + 1)
    activity = users * torch.randn(20, generator=rng)
    gamma = torch.sigmoid(2 * data["embedding"][:, 0])
    mu = torch.sigmoid(effect * data["propensity_covariates"][:, 0] + activity[data["user"]])
    action = torch.bernoulli(gamma, generator=rng) * torch.bernoulli(mu, generator=rng)
    return Batch({**data.columns, "action": action}, n), activity


def given(*, covariate: bool = False, users: bool = False) -> ImplicitModel:
    return ImplicitModel(LogShape(1, (), ("z",) if covariate else (), tuple(f"u{i}" for i in range(20)) if users else ()))


def test_overlap_in_closed_form() -> None:
    model = ImplicitModel(LogShape(1, (), ("z",)))
    data = rows(400, 1, 1)
    even = overlap_of(model, around(model, sd=0.0), data)
    assert even["share"] == pytest.approx(1.0)
    assert even["lowest"] == pytest.approx(0.5)
    steep = overlap_of(model, around(model, sd=0.0, propensity_effects=[4.0]), data)
    w = 1 + np.exp(-4.0 * data["propensity_covariates"][:, 0].double().numpy())
    assert steep["effective_sample_size"] == pytest.approx(w.sum() ** 2 / (w**2).sum(), rel=1e-4)
    assert steep["share"] < 0.1
    assert steep["lowest"] == pytest.approx(1 / w.max(), rel=1e-4)


def test_no_labels_no_disagreement() -> None:
    model = given()
    assert label_disagreement(model, around(model), rows(d=1)) is None


def judged(share_good: float, weight: float, labels: int = 200) -> dict[str, object]:
    """Labels that are coins of this rate on rows without an action, or (``weight``) follow the embedding."""
    data = rows(1000, 1)
    rng = torch.Generator().manual_seed(3)
    x = data["embedding"][:, 0]
    probability = torch.sigmoid(weight * x + math.log(share_good / (1 - share_good)))
    label = torch.full((1000,), math.nan)
    label[:labels] = torch.bernoulli(probability, generator=rng)[:labels]
    model = given()
    draws = around(model, reward_weights=[2.0], propensity_intercept=-6.0)  # actions say next to nothing
    columns = {**data.columns, "label": label, "action": torch.zeros(1000)}
    found = label_disagreement(model, draws, Batch(columns, 1000))
    assert found is not None
    return found


def test_labels_that_agree() -> None:
    found = judged(0.5, 2.0)
    assert not found["biased"]
    assert not found["contradicted"]
    assert found["labels"] == 200
    assert isinstance(found["auroc"], float)
    assert found["auroc"] > 0.8


def test_labels_of_rows_not_drawn_at_random() -> None:
    found = judged(0.95, 2.0)
    assert found["biased"]
    assert not found["contradicted"]
    assert isinstance(found["z"], float)
    assert found["z"] > 3


def test_labels_that_contradict() -> None:
    found = judged(0.5, -2.0)
    assert found["contradicted"]
    assert isinstance(found["auroc"], float)
    assert found["auroc"] < 0.3


def test_a_handful_of_labels_contradicts_nothing() -> None:
    assert not judged(0.5, -2.0, labels=4)["contradicted"]


def test_labels_of_one_kind_have_no_area() -> None:
    data = rows(100, 1)
    label = torch.full((100,), math.nan)
    label[:5] = 1.0
    model = given()
    found = label_disagreement(model, around(model), Batch({**data.columns, "label": label}, 100))
    assert found is not None
    assert found["auroc"] is None
    assert not found["contradicted"]


def test_expected_labels_are_those_given_the_action() -> None:
    """Without false actions an action makes a good label certain; without one it is γ(1 − μ)/(1 − γμ)."""
    data = rows(400, 1)
    label = torch.ones(400)
    model = given()
    draws = around(model, sd=0.0, propensity_intercept=1.0)
    found = label_disagreement(model, draws, Batch({**data.columns, "label": label}, 400))
    mu = 1 / (1 + math.exp(-1.0))
    silent = 0.5 * (1 - mu) / (1 - 0.5 * mu)
    acted = float(data["action"].mean())
    assert found is not None
    assert found["expected"] == pytest.approx(acted + (1 - acted) * silent, abs=1e-5)


def p_values(model: ImplicitModel, data: Batch, facts: dict[str, np.ndarray] | None = None, **centres: object) -> dict[str, float]:
    draws = around(model, **centres)  # type: ignore[arg-type]
    return {check.name: check.p for check in row_checks(model, draws, data, facts or {}, 0)}


def test_a_covariate_left_out_fires() -> None:
    data, _ = truth(effect=1.5)
    facts = {"z": data["propensity_covariates"][:, 0].numpy()}
    missing = p_values(given(), data, facts, reward_weights=[2.0])
    assert missing["z"] < 0.01
    there = p_values(given(covariate=True), data, facts, reward_weights=[2.0], propensity_effects=[1.5])
    assert there["z"] > 0.05


def test_users_left_out_fire() -> None:
    data, activity = truth(users=1.2)
    facts = {"user": data["user"].numpy().astype(str)}
    assert p_values(given(), data, facts, reward_weights=[2.0])["user"] < 0.01
    assert p_values(given(users=True), data, reward_weights=[2.0], user_activity=activity.tolist())["user"] > 0.05


def test_length_fires() -> None:
    """Longer answers draw more actions, and the model does not know."""
    data, _ = truth(effect=1.5, seed=5)
    length = np.exp(5 + data["propensity_covariates"][:, 0].numpy())
    found = p_values(given(), data, {"length": length, "other": np.random.default_rng(0).normal(size=SEEN)}, reward_weights=[2.0])
    assert found["length"] < 0.01 < 0.05 < found["other"]


def test_without_facts_the_covariates_are_looked_at() -> None:
    data, _ = truth(effect=1.5)
    found = p_values(given(covariate=True, users=True), data, reward_weights=[2.0])
    assert set(found) == {"user", "z"}
    assert found["z"] < 0.01


def test_judged_rows_prompts_and_several_actions_are_passed_over() -> None:
    data, _ = truth(n=100)
    model = given(covariate=True)
    facts = {"prompt": np.arange(100).astype(str), "z": data["propensity_covariates"][:, 0].numpy()}
    assert set(p_values(model, data, facts)) == {"z"}
    label = data["action"].clone()
    label[:15] = math.nan
    assert p_values(model, Batch({**data.columns, "label": label}, 100), facts) == {}
    several = MultiActionModel(LogShape(1, actions=parse_actions(("copied", "liked"))))
    assert row_checks(several, {}, data, facts, 0) == []
