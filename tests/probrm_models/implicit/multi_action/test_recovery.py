"""What several actions identify: from the log alone, without labels, exclusion restrictions or users."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

from probrm.data.batch import Batch
from probrm.data.logs.actions import ActionSpec
from probrm.guides import Layout
from probrm.inference.laplace.newton import newton_laplace
from probrm.recipes.logs.shape import LogShape
from probrm_models.implicit.config import ImplicitConfig
from probrm_models.implicit.multi_action.model import MultiActionModel

GAMMA, MU = 0.4, (0.7, 0.2, 0.5)
COPIED, LIKED, KEPT = ActionSpec("copied"), ActionSpec("liked"), ActionSpec("kept")
REGENERATED = ActionSpec("regenerated", against=True)


def mode(batch: Batch, actions: tuple[ActionSpec, ...], config: ImplicitConfig | None = None) -> dict[str, torch.Tensor]:
    """The posterior's mode, from the origin."""
    effects = tuple(f"z{i}" for i in range(batch["propensity_covariates"].shape[1]))
    users = tuple(f"u{i}" for i in range(int(batch["user"].max()) + 1)) if int(batch["user"].max()) else ()
    m = MultiActionModel(LogShape(batch["embedding"].shape[1], (), effects, users, actions=actions), config)
    layout = Layout.of(m, batch)
    return layout.constrain(newton_laplace(m, batch, layout).coordinates.loc)


def table(signs: tuple[bool, ...], rows: float = 1e7) -> Batch:
    """The expected table of yes/no actions: every cell one row, its probability the row's weight."""
    cells, weights = [], []
    for o in itertools.product((0.0, 1.0), repeat=len(signs)):
        p = 0.0
        for r, share in ((1, GAMMA), (0, 1 - GAMMA)):
            rates = [mu * (1 - r if against else r) for mu, against in zip(MU, signs, strict=False)]
            p += share * math.prod(rate if taken else 1 - rate for rate, taken in zip(rates, o, strict=True))
        if p > 0:
            cells.append(o)
            weights.append(rows * p)
    return batch_of(torch.tensor(cells), weight=torch.tensor(weights))


def batch_of(actions: torch.Tensor, **columns: torch.Tensor) -> Batch:
    n = len(actions)
    defaults = {
        "embedding": torch.zeros(n, 1),
        "reward_covariates": torch.zeros(n, 0),
        "propensity_covariates": torch.zeros(n, 0),
        "user": torch.zeros(n, dtype=torch.long),
        "action": torch.zeros(n),
        "actions": actions,
        "label": torch.full((n,), math.nan),
        "weight": torch.ones(n),
    }
    return Batch(defaults | columns, n)


def beta(a: float, b: float) -> ImplicitConfig:
    """A prior of the base rate; the weights' scale, of which a table says nothing, is a number."""
    rate = {"dist": "Beta", "concentration1": a, "concentration0": b}
    return ImplicitConfig.from_dict({"priors": {"base_rate": rate, "weights": {"dist": "Normal", "scale": 1.0}}})


def test_three_actions_give_the_base_rate_and_every_propensity() -> None:
    """The closed form of a table of three: γ = E[o₁]E[o₂] / E[o₁o₂], μ₁ = E[o₁o₂] / E[o₂], …; whatever the prior."""
    batch = table((False, False, False))
    o, p = batch["actions"], batch["weight"] / batch["weight"].sum()

    def mean(*which: int) -> float:
        return float((p * o[:, list(which)].prod(1)).sum())

    closed = mean(0) * mean(1) / mean(0, 1)
    assert closed == pytest.approx(GAMMA, abs=1e-5)
    for config in (beta(2, 8), beta(8, 2)):
        found = mode(batch, (COPIED, LIKED, KEPT), config)
        assert float(found["base_rate"]) == pytest.approx(closed, abs=1e-4)
        assert found["propensity_intercept"].sigmoid().tolist() == pytest.approx(
            [mean(0, 1) / mean(1), mean(0, 1) / mean(0), mean(0, 2) / mean(0)], abs=1e-4
        )


def test_an_action_against_the_answer_identifies_it_too() -> None:
    found = mode(table((False, False, True)), (COPIED, LIKED, REGENERATED), beta(8, 2))
    assert float(found["base_rate"]) == pytest.approx(GAMMA, abs=1e-4)
    assert found["propensity_intercept"].sigmoid().tolist() == pytest.approx(MU, abs=1e-4)


def test_one_action_leaves_the_base_rate_to_its_prior() -> None:
    """Only γμ is determined: two priors give two base rates, at the same product."""
    low, high = (mode(table((False,), 1e5), (COPIED,), config) for config in (beta(2, 8), beta(8, 2)))
    assert float(high["base_rate"]) - float(low["base_rate"]) > 0.2
    for found in (low, high):
        product = found["base_rate"] * found["propensity_intercept"].sigmoid()[0]
        assert float(product) == pytest.approx(GAMMA * MU[0], abs=1e-4)


def simulated(n: int = 4000, d: int = 4, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Generator]:
    """Embedding, reward with standard deviation 2, preference."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(n, d, generator=generator)
    direction = torch.randn(d, generator=generator)
    reward = -0.4 + 2.0 * x @ direction / direction.norm()
    return x, reward, (torch.rand(n, generator=generator) < reward.sigmoid()).float(), generator


def agreement(found: dict[str, torch.Tensor], x: torch.Tensor, reward: torch.Tensor) -> float:
    return float(spearmanr((x.double() @ found["reward_weights"]).numpy(), reward.numpy()).statistic)  # pyright: ignore[reportAttributeAccessIssue]


def coins(p: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    return (torch.rand(p.shape, generator=generator) < p).float()


def test_the_level_of_the_rewards_is_found_where_activity_hangs_on_the_answer_too(seed_shift: int) -> None:
    """Propensity heads that see the same embedding as the reward: a single action could be swapped with it, three cannot.

    n = 6,000. None of 10 other seeds (``--seed-shift``) failed.
    """
    x, reward, preference, generator = simulated(6000, seed=seed_shift)
    slopes = torch.randn(4, 3, generator=generator)
    active = coins(torch.sigmoid(torch.tensor([0.2, -0.5, 0.0]) + x @ slopes), generator)
    given = torch.stack([preference, preference, 1 - preference], 1)
    batch = batch_of(given * active, embedding=x)
    found = mode(batch, (COPIED, LIKED, REGENERATED), ImplicitConfig.from_dict({"share_embedding": True}))
    assert agreement(found, x, reward) > 0.95
    assert abs(float(found["base_rate"]) - float(torch.sigmoid(torch.tensor(-0.4)))) < 0.04


@pytest.mark.parametrize("against", [True, False])
def test_regenerations_alone_rank_answers_the_right_way_round(against: bool, seed_shift: int) -> None:
    """The same column, taken for the one and for the other: the ranking turns over."""
    x, reward, preference, generator = simulated(seed=1 + seed_shift)
    z = torch.randn(len(x), 2, generator=generator)
    regenerated = (1 - preference) * coins(torch.sigmoid(2.0 * z[:, 0]), generator)
    batch = batch_of(regenerated[:, None], embedding=x, propensity_covariates=z)
    found = agreement(mode(batch, (ActionSpec("regenerated", against=against),)), x, reward)
    assert found > 0.95 if against else found < -0.8


def test_graded_actions_recover_their_parameters(seed_shift: int) -> None:
    """A rating and a dwell time, each missing in a third of the rows; n = 6,000.

    None of 8 other seeds (``--seed-shift``) failed.
    """
    x, reward, preference, generator = simulated(6000, seed=2 + seed_shift)
    n = len(x)
    z = torch.randn(n, 1, generator=generator)
    user = torch.randint(0, 60, (n,), generator=generator)
    activity = torch.randn(60, generator=generator)[user]
    noise = torch.logit(torch.rand(n, generator=generator))
    scale = 0.8 * z[:, 0] + 2.5 * preference + noise
    rating = (scale > -0.5).float() + (scale > 1.0) + (scale > 2.5)
    seconds = torch.exp(0.5 * z[:, 0] - 0.2 + 1.2 * preference + 0.6 * torch.randn(n, generator=generator))
    copied = preference * coins(torch.sigmoid(activity + z[:, 0]), generator)
    actions = torch.stack([copied, rating, seconds], 1)
    hidden = torch.rand(n, 3, generator=generator) < torch.tensor([0.0, 0.33, 0.33])
    batch = batch_of(actions.masked_fill(hidden, math.nan), embedding=x, propensity_covariates=z, user=user)
    specs = (COPIED, ActionSpec("rating", "ordinal", levels=("1", "2", "3", "4")), ActionSpec("dwell", "log-normal"))
    found = mode(batch, specs)
    assert agreement(found, x, reward) > 0.97
    assert found["action_strength"].tolist() == pytest.approx([2.5, 1.2], abs=0.3)
    assert float(found["action_width"][0]) == pytest.approx(0.6, abs=0.05)
    assert found["propensity_effects"][:, 0].tolist() == pytest.approx([1.0, 0.8, 0.5], abs=0.2)
    assert float(found["user_activity_scale"]) == pytest.approx(float(activity.std()), abs=0.3)
    assert abs(float(found["base_rate"]) - float(torch.sigmoid(torch.tensor(-0.4)))) < 0.06


def test_comparisons_rank_answers_where_actions_say_nothing(seed_shift: int) -> None:
    """Actions independent of the answer; 1,500 choices between two answers."""
    n = 1500
    x, reward, _, generator = simulated(n, seed=3 + seed_shift)
    y, _, _, _ = simulated(n, seed=3 + seed_shift)
    y = y[torch.randperm(n, generator=generator)]
    weights = torch.linalg.lstsq(x, reward[:, None] + 0.4).solution[:, 0]
    won = coins(torch.sigmoid((x - y) @ weights), generator)
    action = coins(torch.full((n, 1), 0.3), generator)
    columns = {"embedding": x, "rival_embedding": y, "rival_reward_covariates": torch.zeros(n, 0)}
    blind = mode(batch_of(action, **columns, won=torch.full((n,), math.nan)), (ActionSpec("action"),))
    told = mode(batch_of(action, **columns, won=won), (ActionSpec("action"),))
    assert agreement(told, x, reward) > 0.97
    assert np.linalg.norm(told["reward_weights"].numpy() / 2 - weights.numpy()) < 0.4  # the head divides by √d = 2
    assert np.linalg.norm(blind["reward_weights"].numpy() / 2) < 0.3
