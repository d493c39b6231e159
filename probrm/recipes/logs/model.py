"""A model of one yes/no action a row: the action's distribution, given the global latents and the row."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

import pyro
from jaxtyping import Float
from pyro import poutine
from pyro.distributions import TorchDistribution
from torch import Tensor

from probrm.data.batch import Batch
from probrm.model import RewardModel, Values
from probrm.recipes.logs.shape import LogShape
from probrm.settings import Settings


class LogModel(RewardModel):
    """A reward model that is fitted to one action a row: ``globals``, ``reward`` and ``action_dist`` make one.

    Batches have ``embedding (n, d)``, columns standardised; ``reward_covariates (n, m)`` and ``propensity_covariates (n, k)``; ``user
    (n,)``, an index into ``shape.users``; ``action (n,)`` 0/1; ``label (n,)`` 0/1/NaN; ``weight (n,)``; perhaps ``known_propensity (n,)``.
    """

    may_be_missing: ClassVar[frozenset[str]] = frozenset({"label", "known_propensity", "actions", "won"})
    shape_class: ClassVar[type[Settings]] = LogShape

    @abstractmethod
    def globals(self) -> dict[str, Tensor]:
        """One draw of all global latents, by site."""

    @abstractmethod
    def action_dist(self, values: Values, batch: Batch) -> TorchDistribution:
        """``o | globals, row``, batch shape ``(n,)``, or ``(s, n)`` for s draws of the globals."""

    def forward(self, batch: Batch) -> None:
        """The generative process."""
        values = self.globals()
        with pyro.plate("rows", len(batch), dim=-1), poutine.scale(scale=batch["weight"] * batch.scale):
            pyro.sample("action", self.action_dist(values, batch), obs=batch["action"])

    def log_likelihood(self, values: Values, batch: Batch) -> Float[Tensor, "*s n"]:
        """``log P(o | globals)``."""
        return self.action_dist(values, batch).log_prob(batch["action"])
