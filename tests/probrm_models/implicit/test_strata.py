from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from pyro import poutine
from torch import Tensor

from probrm.actions import Click
from probrm.data.batch import Batch
from probrm.recipes.logs.shape import LogShape
from probrm_models.implicit.strata import STRATA, StratumGuide, log_prior_strata, stratum_posterior


def grid() -> tuple[Tensor, Tensor]:
    reward, propensity = torch.meshgrid(torch.linspace(-6, 6, 7).double(), torch.linspace(-5, 7, 7).double(), indexing="ij")
    return reward.flatten(), propensity.flatten()


def test_prior_strata_are_products_and_sum_to_one() -> None:
    reward, propensity = grid()
    gamma, mu = torch.sigmoid(reward), torch.sigmoid(propensity)
    assert STRATA == ("PA", "NA", "PP", "NP")
    expected = torch.stack([gamma * mu, (1 - gamma) * mu, gamma * (1 - mu), (1 - gamma) * (1 - mu)], -1)
    assert torch.allclose(log_prior_strata(reward, propensity).exp(), expected, atol=1e-12)


def test_posterior_is_the_table() -> None:
    """METHOD.md's table, which is the paper's appendix rather than its misprinted main text."""
    reward, propensity = grid()
    gamma, mu = torch.sigmoid(reward), torch.sigmoid(propensity)
    rest = 1 - gamma * mu
    idle = stratum_posterior(reward, propensity, torch.zeros(49).double(), Click(), 0.0)
    expected = torch.stack([torch.zeros(49), (1 - gamma) * mu / rest, gamma * (1 - mu) / rest, (1 - gamma) * (1 - mu) / rest], -1)
    assert torch.allclose(idle, expected, atol=1e-8)
    acted = stratum_posterior(reward, propensity, torch.ones(49).double(), Click(), 0.0)
    assert torch.equal(acted, torch.tensor([1.0, 0, 0, 0]).double().expand(49, 4))


@pytest.mark.parametrize(("epsilon", "delta"), [(0.1, 0.0), (0.0, 0.2), (0.1, 0.2)])
def test_posterior_with_wrong_actions_is_bayes_rule(epsilon: float, delta: float) -> None:
    reward, propensity = grid()
    click = Click(false_rate=epsilon, miss_rate=delta)
    prior = log_prior_strata(reward, propensity).exp().numpy()
    acts = np.array([1 - delta, epsilon, epsilon, epsilon])
    for action in (0.0, 1.0):
        joint = prior * (acts if action else 1 - acts)
        found = stratum_posterior(reward, propensity, torch.full((49,), action).double(), click, epsilon)
        assert found.numpy() == pytest.approx(joint / joint.sum(-1, keepdims=True), abs=1e-8)


def run(model: Any, *args: Any) -> Any:
    """Its trace; Pyro's own types make every entry optional."""
    return poutine.trace(model).get_trace(*args)


def rows(label: float, action: float) -> Batch:
    columns = {
        "embedding": torch.randn(6, 3),
        "reward_covariates": torch.zeros(6, 0),
        "propensity_covariates": torch.randn(6, 2),
        "user": torch.zeros(6, dtype=torch.long),
        "action": torch.full((6,), action),
        "label": torch.full((6,), label),
        "weight": torch.ones(6),
    }
    return Batch(columns, 6)


@pytest.mark.parametrize(
    ("label", "action", "click", "allowed"),
    [
        (math.nan, 1.0, Click(), {"PA"}),
        (math.nan, 0.0, Click(), {"NA", "PP", "NP"}),
        (1.0, 0.0, Click(), {"PP"}),
        (0.0, 0.0, Click(), {"NA", "NP"}),
        (1.0, 1.0, Click(), {"PA"}),
        (math.nan, 1.0, Click(false_rate=0.1), {"PA", "NA", "PP", "NP"}),
        (0.0, 1.0, Click(false_rate=0.1), {"NA", "NP"}),
        (math.nan, 0.0, Click(miss_rate=0.1), {"PA", "NA", "PP", "NP"}),
        (1.0, 0.0, Click(miss_rate=0.1), {"PA", "PP"}),
    ],
)
@pytest.mark.parametrize("users", [(), ("u",)], ids=["no users", "users"])
def test_the_guide_gives_impossible_strata_exactly_no_mass(
    label: float, action: float, click: Click, allowed: set[str], users: tuple[str, ...]
) -> None:
    guide = StratumGuide(LogShape(3, (), ("c", "d"), users), click)
    probability = torch.softmax(guide.logits(rows(label, action)), -1).detach()
    for name, column in zip(STRATA, probability.T, strict=True):
        assert (column > 0).all() if name in allowed else (column == 0).all()


def test_the_guide_issues_what_its_logits_say() -> None:
    batch = rows(math.nan, 0.0)
    guide = StratumGuide(LogShape(3, (), ("c", "d"), ("u",)), Click())
    probability = torch.softmax(guide.logits(batch), -1).detach()
    for i, (preference, activity) in enumerate([(1.0, 1.0), (0.0, 1.0), (1.0, 0.0), (0.0, 0.0)]):
        data = {"preference": torch.full((6,), preference), "activity": torch.full((6,), activity)}
        trace = run(poutine.condition(guide, data=data), batch)
        trace.compute_log_prob()
        joint = (trace.nodes["preference"]["log_prob"] + trace.nodes["activity"]["log_prob"]).exp().detach()
        if preference == activity == 1.0:
            assert (joint == 0).all()
        else:
            assert torch.allclose(joint, probability[:, i], atol=1e-6)


def test_a_verdict_leaves_two_strata() -> None:
    reward, propensity = torch.tensor([0.4, 0.4, 0.4]), torch.tensor([-0.2, -0.2, -0.2])
    label, action = torch.tensor([1.0, 0.0, math.nan]), torch.zeros(3)
    found = stratum_posterior(reward, propensity, action, Click(), 0.0, label)
    mu = float(torch.sigmoid(propensity[0]))
    assert torch.allclose(found[0], torch.tensor([0.0, 0.0, 1.0, 0.0]))  # liked, no action: passive
    assert torch.allclose(found[1], torch.tensor([0.0, mu, 0.0, 1 - mu]))
    assert torch.allclose(found[2], stratum_posterior(reward, propensity, action, Click(), 0.0)[2])
