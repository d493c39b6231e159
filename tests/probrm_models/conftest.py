"""Simulated implicit feedback with a known truth."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor

from probrm.data.batch import Batch
from probrm.recipes.logs.shape import LogShape


@dataclass(frozen=True)
class Simulated:
    """Rows and what lies behind them.

    Attributes:
        batch: the rows.
        shape: of the model that generated them.
        reward: true ``logit γ``, ``(n,)``.
        preference: ``r*``, ``(n,)``.
        weights: true last-layer weights in the model's own units, ``(d,)``.
        effects: true effects of the propensity covariates, ``(k,)``.
    """

    batch: Batch
    shape: LogShape
    reward: Tensor
    preference: Tensor
    weights: Tensor
    effects: Tensor


def simulate(
    n: int, d: int = 8, *, seed: int = 0, users: int = 0, labels: int = 0, confounded: float = 0.0, interaction: bool = False, test: int = 0
) -> Simulated:
    """Draws rows from the generative process.

    Args:
        n: rows; ``test`` more are drawn from the same truth and stand behind them.
        d: dimensions of the embedding.
        seed: of everything.
        users: users with a normal activity effect; 0 for none.
        labels: of the first rows, how many have their verdict.
        confounded: how much the first propensity covariate follows a direction of the embedding of its own, so that
            clicks rank answers by something else than the reward.
        interaction: the reward is a product of two inputs, which no linear head can rank.
        test: further rows.
    """
    generator = torch.Generator().manual_seed(seed)

    def normal(*size: int) -> Tensor:
        return torch.randn(*size, generator=generator)

    def coin(logit: Tensor) -> Tensor:
        return (torch.rand(len(logit), generator=generator) < torch.sigmoid(logit)).float()

    rows = n + test
    x, weights = normal(rows, d), normal(d)
    weights = 2.0 * weights / weights.norm() * d**0.5  # a logit with standard deviation 2: best reachable AUROC about .87
    slope = x @ weights / d**0.5
    reward = 0.3 + (2.5 * x[:, 0] * x[:, 1] if interaction else slope)
    covariates = normal(rows, 3)
    direction = normal(d)
    covariates[:, 0] = (covariates[:, 0] + confounded * x @ direction / direction.norm()) / math.sqrt(1 + confounded**2)
    effects = torch.tensor([2.0, -1.0, 0.5])
    user = torch.randint(0, max(users, 1), (rows,), generator=generator)
    activity = normal(max(users, 1)) if users else torch.zeros(1)
    propensity = -0.3 + covariates @ effects + activity[user]
    preference = coin(reward)
    label = torch.full((rows,), math.nan)
    label[:labels] = preference[:labels]
    columns = {
        "embedding": x,
        "reward_covariates": torch.zeros(rows, 0),
        "propensity_covariates": covariates,
        "user": user,
        "action": preference * coin(propensity),
        "label": label,
        "weight": torch.ones(rows),
    }
    shape = LogShape(d, (), ("surface", "length", "code"), tuple(f"u{i}" for i in range(users)))
    return Simulated(Batch(columns, rows), shape, reward, preference, weights, effects)


@pytest.fixture
def implicit_data(seed_shift: int) -> Callable[..., Simulated]:
    def shifted(*args: Any, seed: int = 0, **settings: Any) -> Simulated:
        return simulate(*args, seed=seed + 1000 * seed_shift, **settings)

    return shifted
