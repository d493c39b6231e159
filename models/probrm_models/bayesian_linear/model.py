"""A linear reward over the embedding, as RewardUQ's Bayesian linear head has it (Yang et al. 2026, arXiv 2602.24040).

::

    w ~ N(0, 1/λ)                        weights over the standardised embedding     reward_weights
    r = w·φ,   φ = h/√d
    o ~ Bernoulli(σ(r − r′))                                                         preference

The fit does not sample this posterior: see ``fit``. ``l2`` of a fitted model's settings holds the λ that was selected.
"""

from __future__ import annotations

from typing import ClassVar

import pyro
import pyro.distributions as dist
import torch
from jaxtyping import Float
from torch import Tensor

from probrm.data.batch import Batch
from probrm.model import Values
from probrm.recipes.pairs.model import PairModel
from probrm.recipes.pairs.shape import PairShape
from probrm.settings import Settings
from probrm_models.bayesian_linear.config import BayesianLinearConfig


class BayesianLinearModel(PairModel):
    """RewardUQ's Bayesian linear head as a Pyro model.

    Args:
        shape: how many inputs there are.
        config: settings.
    """

    kind = "bayesian-linear"
    config_class: ClassVar[type[Settings]] = BayesianLinearConfig
    shape: PairShape
    config: BayesianLinearConfig

    def globals(self) -> dict[str, Tensor]:
        """One draw of the weights from the prior that λ stands for."""
        scale = torch.full((self.shape.embedding,), self.config.l2[0] ** -0.5)
        return {"reward_weights": pyro.sample("reward_weights", dist.Normal(0.0, scale).to_event(1))}

    def reward(self, values: Values, batch: Batch) -> Float[Tensor, "*s n"]:
        """``w·h/√d``; of pairs, the chosen response's."""
        response = batch["response"] if "response" in batch else batch["chosen"]
        return values["reward_weights"] @ response.T / self.shape.embedding**0.5

    def dims(self) -> dict[str, tuple[str, ...]]:
        """Name of the weights' dimension."""
        return {"reward_weights": ("reward_feature",)}

    def coords(self) -> dict[str, list[str]]:
        """What stands along it."""
        return {"reward_feature": [f"h{i}" for i in range(self.shape.embedding)]}
