"""What a pair model's posterior says of pairs and of single responses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from probrm.data.batch import Batch
from probrm.inference.device import own_random_stream
from probrm.posterior import LEVEL, Rewards, predict_rewards
from probrm.progress import Progress, silent
from probrm.recipes.pairs.model import PairModel

_NUMBERS = 8_000_000
"""Draws × pairs held at a time; torch.quantile takes 16 million at most."""


@dataclass(frozen=True)
class Preferences:
    """One entry a pair, float32.

    Attributes:
        p_chosen: posterior mean of ``PairModel.probability``, ``σ(r_chosen − r_rejected)`` in Bradley–Terry: the probability that the chosen response is preferred, given
            that the pair is no tie.
        p_chosen_low: lower end of its central 90 % interval.
        p_chosen_high: upper end.
    """

    p_chosen: np.ndarray
    p_chosen_low: np.ndarray
    p_chosen_high: np.ndarray


@torch.no_grad()
def preference_probabilities(
    model: PairModel, draws: Mapping[str, Tensor], batch: Batch, *, seed: int = 0, progress: Progress = silent
) -> Preferences:
    """How probable it is of each pair that the chosen response is preferred.

    Args:
        model: a model of pairs.
        draws: of its global latents, ``(s, *shape)`` by site.
        batch: m pairs.
        seed: of what the model draws for each pair (latents of prompts and responses), so that asking twice gives the same.
        progress: shows the pairs.
    """
    with own_random_stream(seed):
        return Preferences(*spread_of_probabilities(model, draws, batch, progress=progress)[:3])


@torch.no_grad()
def spread_of_probabilities(
    model: PairModel, draws: Mapping[str, Tensor], batch: Batch, *, progress: Progress = silent
) -> Float[np.ndarray, "4 m"]:
    """Posterior mean, ends of the central 90 % interval and standard deviation of the probability, a column a pair."""
    count = len(next(iter(draws.values())))
    size = max(1, _NUMBERS // count)
    tail = torch.tensor([(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    parts = [torch.zeros(4, 0)]
    with progress.task("Preferences", len(batch)) as advance:
        for start in range(0, len(batch), size):
            pairs = batch.slice(start, min(start + size, len(batch)))
            p = model.probability(model.difference(draws, pairs), draws)
            sd = p.std(0, correction=min(1, count - 1), keepdim=True)  # a point estimate is one draw, and has no spread
            parts.append(torch.cat([p.mean(0, keepdim=True), torch.quantile(p, tail, dim=0), sd]))
            advance(len(pairs))
    return torch.cat(parts, 1).numpy()


def response_rewards(model: PairModel, draws: Mapping[str, Tensor], batch: Batch, *, seed: int = 0, progress: Progress = silent) -> Rewards:
    """Rewards of single responses.

    ``probability`` is that of a fair pairwise win: against a response whose reward is 0, the average of the fitted ones.

    Args:
        model: a model of pairs.
        draws: of its global latents, ``(s, *shape)`` by site.
        batch: n responses.
        seed: of what the model draws for each response, so that asking twice gives the same.
        progress: shows the responses.
    """
    with own_random_stream(seed):
        return predict_rewards(model, draws, batch, progress=progress)
