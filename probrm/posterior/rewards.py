"""Rewards of rows, with intervals, from posterior draws."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from probrm.data.batch import Batch
from probrm.heads.own_part import own_logit
from probrm.model import RewardModel
from probrm.progress import Progress, silent

LEVEL = 0.9
"""Mass of every interval that is printed or written: central, 5 % on each side."""
_NUMBERS = 8_000_000
"""Draws × rows held at a time; torch.quantile takes 16 million at most."""


@dataclass(frozen=True)
class Rewards:
    """One entry a row, float32.

    Attributes:
        reward: posterior mean of the reward, a logit.
        reward_sd: its posterior standard deviation.
        reward_low: lower end of its central 90 % interval: what the features say, the reward of the average answer with these.
        reward_high: upper end.
        reward_own_low: lower end of the interval of this very answer's reward, with what the encoder cannot see of it
            (``RewardModel.own_spread``); the same interval where the model says nothing of that.
        reward_own_high: upper end.
        probability: posterior mean of ``RewardModel.probability``, ``σ(reward)`` for most models.
        probability_low: lower end of the interval of this very answer's probability.
        probability_high: upper end.
        epistemic_sd: of a preference ``r* ~ Bernoulli(p)``, what more data would take away: the standard deviation of p over the posterior.
        aleatoric_sd: what they would not: √E p(1 − p). The squares of both sum to the variance of r*, which is ``probability (1 − probability)``.
    """

    reward: np.ndarray
    reward_sd: np.ndarray
    reward_low: np.ndarray
    reward_high: np.ndarray
    reward_own_low: np.ndarray
    reward_own_high: np.ndarray
    probability: np.ndarray
    probability_low: np.ndarray
    probability_high: np.ndarray
    epistemic_sd: np.ndarray
    aleatoric_sd: np.ndarray


@torch.no_grad()
def predict_rewards(model: RewardModel, draws: Mapping[str, Tensor], batch: Batch, *, progress: Progress = silent) -> Rewards:
    """Rewards of the rows of ``batch`` under each draw, summarised."""
    count, tail = len(next(iter(draws.values()))), (1 - LEVEL) / 2
    size = max(1, _NUMBERS // count)
    ends = torch.tensor([tail, 1 - tail])
    parts: list[Float[Tensor, "11 b"]] = []
    tau = model.own_spread(draws) if count > 1 else None  # a point estimate has no intervals
    with progress.task("Rewards", len(batch)) as advance:
        for start in range(0, len(batch), size):
            rows = batch.slice(start, min(start + size, len(batch)))
            reward = model.reward(draws, rows)
            low, high = torch.quantile(reward, ends, dim=0)
            own = reward if tau is None else own_logit(reward, tau, own_parts(tau))
            own_low, own_high = (low, high) if tau is None else torch.quantile(own, ends, dim=0)
            sd = reward.std(0, correction=min(1, count - 1))  # a point estimate is one draw, and has no spread
            p = model.probability(reward, draws)
            # Quantiles commute with a monotone map, but not with one that differs from draw to draw.
            of_p = (own_low.sigmoid(), own_high.sigmoid()) if model.logistic else torch.quantile(model.probability(own, draws), ends, dim=0)
            both = p.std(0, correction=0), (p * (1 - p)).mean(0).sqrt()
            parts.append(torch.stack([reward.mean(0), sd, low, high, own_low, own_high, p.mean(0), *of_p, *both]))
            advance(len(rows))
    table = torch.cat(parts, 1).numpy() if parts else np.zeros((11, 0), np.float32)
    return Rewards(**{field.name: column for field, column in zip(fields(Rewards), table, strict=True)})


def own_parts(tau: Float[Tensor, " s"]) -> Float[Tensor, "s 1"]:
    """A standard normal part of each draw, one for all rows, so that a row's interval depends on no other row.

    Evenly spread quantiles in random order: less noise than independent draws.
    """
    order = torch.randperm(len(tau), generator=torch.Generator().manual_seed(0))
    return torch.special.ndtri((order.to(tau) + 0.5) / len(tau))[:, None]
