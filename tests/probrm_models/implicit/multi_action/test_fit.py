"""A log with every kind of action and with comparisons through the whole fit."""

from __future__ import annotations

import math

import pytest
import torch
from scipy.stats import spearmanr

from probrm.data.batch import Batch
from probrm.data.logs.actions import ActionSpec
from probrm.inference import NUTS, SVI, InferenceConfig, Laplace, fit
from probrm.posterior import predict_rewards
from probrm.recipes.logs.shape import LogShape
from probrm_models.implicit.multi_action.inspection import inspect_actions
from probrm_models.implicit.multi_action.model import MultiActionModel

ACTIONS = (
    ActionSpec("copied"),
    ActionSpec("regenerated", against=True),
    ActionSpec("rating", "ordinal", levels=("1", "2", "3")),
    ActionSpec("dwell", "log-normal", centre=2.3, spread=0.8),
)
USERS = tuple(f"u{i}" for i in range(10))


def simulated(n: int, seed: int) -> tuple[MultiActionModel, Batch, torch.Tensor]:
    """Rows of all kinds, a third of the ratings missing, a choice between two answers in a third of the rows."""
    generator = torch.Generator().manual_seed(seed)

    def coins(logit: torch.Tensor) -> torch.Tensor:
        return (torch.rand(logit.shape, generator=generator) < logit.sigmoid()).float()

    x, rival, z = (torch.randn(n, d, generator=generator) for d in (3, 3, 1))
    user = torch.randint(0, len(USERS), (n,), generator=generator)
    activity = torch.randn(len(USERS), generator=generator)[user]
    weights = torch.tensor([1.5, 1.0, 0.0])
    reward = x @ weights - 0.3
    liked = coins(reward)
    copied, regenerated = liked * coins(z[:, 0] + activity), (1 - liked) * coins(activity - 0.5)
    noise = torch.logit(torch.rand(n, generator=generator)) + 2.5 * liked
    rating = ((noise > 0.5).float() + (noise > 2.0)).masked_fill(torch.arange(n) % 3 == 0, math.nan)
    seconds = torch.exp(2 + 0.8 * liked + 0.7 * torch.randn(n, generator=generator))
    columns = {
        "embedding": x,
        "reward_covariates": torch.zeros(n, 0),
        "propensity_covariates": z,
        "user": user,
        "action": copied,
        "actions": torch.stack([copied, regenerated, rating, seconds], 1),
        "label": torch.full((n,), math.nan),
        "weight": torch.ones(n),
        "won": coins((x - rival) @ weights).masked_fill(torch.arange(n) % 3 > 0, math.nan),
        "rival_embedding": rival,
        "rival_reward_covariates": torch.zeros(n, 0),
    }
    return MultiActionModel(LogShape(3, (), ("z",), USERS, actions=ACTIONS)), Batch(columns, n), reward


@pytest.mark.parametrize("inference", [Laplace(draws=200), pytest.param(SVI(draws=200), marks=pytest.mark.long)], ids=["laplace", "svi"])
def test_a_fit_ranks_answers_and_explains_a_row(inference: InferenceConfig, seed_shift: int) -> None:
    model, batch, reward = simulated(500, seed_shift)
    train, held_out = batch.subset(torch.arange(450)), batch.subset(torch.arange(450, 500))
    fitted = fit(model, train, held_out=held_out, inference=inference, starts=2)
    assert fitted.held_out is not None
    assert math.isfinite(fitted.held_out)
    assert fitted.starts[1].agreement > 0.99
    rewards = predict_rewards(model, fitted.draws, batch)
    assert float(spearmanr(rewards.reward, reward.numpy()).statistic) > 0.95  # pyright: ignore[reportAttributeAccessIssue]
    at = int((batch["actions"][:, 1] == 1).float().argmax())
    seen = inspect_actions(model, fitted.draws, batch.subset(torch.tensor([at])))
    assert seen["actions"]["regenerated"] == 1.0
    assert seen["preferred"]["high"] == 0.0  # a regeneration is certain where there are no false actions
    assert set(seen["propensity"]) == {"copied", "regenerated", "rating", "dwell"}
    third = inspect_actions(model, fitted.draws, batch.subset(torch.tensor([0])))
    assert third["actions"]["rating"] is None


@pytest.mark.long
@pytest.mark.usefixtures("thorough")
def test_laplace_and_svi_agree_with_nuts(seed_shift: int) -> None:
    """Means within .4 of NUTS' standard deviations, widths within a factor of 1.35."""
    model, batch, _ = simulated(500, seed_shift)
    exact = fit(model, batch, inference=NUTS(), starts=1).draws
    for inference in (Laplace(), SVI()):
        found = fit(model, batch, inference=inference, starts=1).draws
        for name in ("base_rate", "reward_weights", "action_strength", "action_width", "level_hazards", "propensity_effects"):
            width = exact[name].std(0)
            assert float(((found[name].mean(0) - exact[name].mean(0)).abs() / width).max()) < 0.4, (inference, name)
            assert float((found[name].std(0) / width).log().abs().max()) < 0.3, (inference, name)
