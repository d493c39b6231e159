"""The posterior mean reward as one linear layer over an encoder's vectors, where it is one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float
from torch import Tensor

from probrm.errors import ConfigError
from probrm.posterior import predict_rewards
from probrm.runs.run import Run

if TYPE_CHECKING:
    from probrm.recipes.recipe import Recipe

_TOLERANCE = 1e-3
"""Of the probes' rewards, logits: float32 sums are off by 1e-5, a curved head by .01 and more."""
_PROBES = 64
_STEP = 1000.0
"""Along each axis: so long that float32 rounds the slopes alone."""


@dataclass(frozen=True)
class LinearReward:
    """``reward = weights · vector + intercept``.

    Attributes:
        weights: ``(d,)``, float64.
        intercept: a logit.
    """

    weights: Float[Tensor, " d"]
    intercept: float


def linear_reward(recipe: Recipe, run: Run) -> LinearReward:
    """The run's mean reward as a linear layer.

    A mean over draws of linear layers is linear. The layer is read off at the mean vector of the fit and at one step along each axis, and then
    compared with the run's own rewards of other vectors.

    Raises:
        ConfigError: the reward is not linear in an answer's vector.
    """
    d = run.record["encoder"]["dim"]
    probes = torch.nn.functional.normalize(torch.randn(_PROBES, d, generator=torch.Generator().manual_seed(0)))
    rewards = _rewards(recipe, run, torch.cat([torch.zeros(1, d), _STEP * torch.eye(d), probes]))
    weights, found = (rewards[1 : d + 1] - rewards[0]) / _STEP, rewards[d + 1 :]
    rest = found - probes.double() @ weights
    off = float((rest - rest.mean()).abs().max())
    if off > _TOLERANCE * max(1.0, float(found.abs().max())):
        raise ConfigError(
            f"run of model {run.kind!r}: its reward is not linear in an answer's vector (off by {off:.2g} logits), and an exported head is one linear layer",
            fix="fit with a linear head, or take rewards from probrm itself (run.reward, probrm score)",
        )
    return LinearReward(weights, float(rest.mean()))


def _rewards(recipe: Recipe, run: Run, vectors: Float[Tensor, "n d"]) -> Float[Tensor, " n"]:
    batch = recipe.vector_batch(run, vectors)
    return torch.from_numpy(predict_rewards(run.model, run.draws, batch).reward).double()
