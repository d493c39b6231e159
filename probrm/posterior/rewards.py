"""Rewards of rows, with intervals, from posterior draws."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from probrm.data.batch import Batch
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
        reward_low: lower end of its central 90 % interval.
        reward_high: upper end.
        probability: posterior mean of ``RewardModel.probability``, ``σ(reward)`` for most models.
        probability_low: lower end of its interval.
        probability_high: upper end.
    """

    reward: np.ndarray
    reward_sd: np.ndarray
    reward_low: np.ndarray
    reward_high: np.ndarray
    probability: np.ndarray
    probability_low: np.ndarray
    probability_high: np.ndarray


@torch.no_grad()
def predict_rewards(model: RewardModel, draws: Mapping[str, Tensor], batch: Batch, *, progress: Progress = silent) -> Rewards:
    """Rewards of the rows of ``batch`` under each draw, summarised."""
    count = len(next(iter(draws.values())))
    size = max(1, _NUMBERS // count)
    parts: list[Float[Tensor, "7 b"]] = []
    tail = (1 - LEVEL) / 2
    with progress.task("Rewards", len(batch)) as advance:
        for start in range(0, len(batch), size):
            rows = batch.slice(start, min(start + size, len(batch)))
            reward = model.reward(draws, rows)
            low, high = torch.quantile(reward, torch.tensor([tail, 1 - tail]), dim=0)
            sd = reward.std(0, correction=min(1, count - 1))  # a point estimate is one draw, and has no spread
            p = model.probability(reward, draws)
            # Quantiles commute with a monotone map, but not with one that differs from draw to draw.
            ends = (low.sigmoid(), high.sigmoid()) if model.logistic else torch.quantile(p, torch.tensor([tail, 1 - tail]), dim=0)
            parts.append(torch.stack([reward.mean(0), sd, low, high, p.mean(0), *ends]))
            advance(len(rows))
    table = torch.cat(parts, 1).numpy() if parts else np.zeros((7, 0), np.float32)
    return Rewards(**{field.name: column for field, column in zip(fields(Rewards), table, strict=True)})
