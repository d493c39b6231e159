"""The likelihood of observed actions that were kept out of the fit: what selects starts and stops the training."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor

from probrm.data.batch import Batch
from probrm.inference.device import own_random_stream
from probrm.model import RewardModel

_NUMBERS = 20_000_000
"""Draws × rows held at a time."""


@torch.no_grad()
def pointwise_log_predictive(model: RewardModel, draws: Mapping[str, Tensor], batch: Batch) -> Float[Tensor, " n"]:
    """``log E_draws p(observed | globals)`` of each row, new users' effects drawn from their prior."""
    count = len(next(iter(draws.values())))
    rows = max(1, _NUMBERS // count)
    parts = [model.log_likelihood(draws, batch.slice(i, i + rows).widened()) for i in range(0, len(batch), rows)]
    return torch.logsumexp(torch.cat(parts, -1), 0) - math.log(count)


def held_out_score(model: RewardModel, draws: Mapping[str, Tensor], batch: Batch, seed: int = 0) -> float:
    """Mean log predictive density a row (weighted, where rows have weights), in nats; the same random numbers at every call."""
    with own_random_stream(seed):
        density = pointwise_log_predictive(model, draws, batch)
    if "weight" not in batch:
        return float(density.mean())
    return float((density * batch["weight"]).sum() / batch["weight"].sum())
