"""A model of preference pairs: the probability that one response wins, from the difference of two rewards."""

from __future__ import annotations

from abc import abstractmethod
from functools import partial
from typing import ClassVar

import torch
from jaxtyping import Float
from pyro.distributions import TorchDistribution
from torch import Tensor

from probrm.actions import Preference
from probrm.data.batch import Batch
from probrm.model import RewardModel, Values
from probrm.process import Process, Statements
from probrm.recipes.pairs.shape import PairShape
from probrm.settings import Settings


class PairModel(Process, RewardModel):
    """A reward model that is fitted to pairs and scores pairs and single responses.

    ``globals`` and ``reward`` make one: ``o ~ Bernoulli(σ(r − r'))``, or another ``preference_dist``. Batches of pairs have ``chosen``
    and ``rejected (n, d)``, ``outcome (n,)``: 1 where the chosen one is preferred, 1/2 for a tie, ``weight (n,)`` and, if pairs are not
    to count whole, ``share (n,)``; batches of single responses have ``response (n, d)``. With ``uses_prompts`` both have ``prompt (n, p)``.
    """

    observed: ClassVar[str] = "outcome"
    uses_prompts: ClassVar[bool] = False
    """Whether batches need the prompt's own vector."""
    shape_class: ClassVar[type[Settings]] = PairShape

    def support(self) -> tuple[float, ...]:
        """Won or lost, or a tie where the model knows such."""
        return (0.0, 0.5, 1.0) if self.shape.ties else (0.0, 1.0)

    @abstractmethod
    def globals(self) -> dict[str, Tensor]:
        """One draw of all global latents, by site."""

    def difference(self, values: Values, batch: Batch) -> Float[Tensor, "*s n"]:
        """``r_chosen − r_rejected``, a logit, for one draw of the globals or many; latents of the prompt are drawn once."""
        won, lost = (self.reward(values, Batch({**batch.columns, "response": batch[side]}, batch.total)) for side in ("chosen", "rejected"))
        return won - lost

    def ranking(self, values: Values, batch: Batch) -> Float[Tensor, "*s n"]:
        """The differences."""
        return self.difference(values, batch)

    def preference_dist(self, difference: Float[Tensor, "*s n"], values: Values) -> TorchDistribution:
        """``o | r − r'``: Bradley–Terry, and with a latent ``log_tie`` Davidson's three outcomes."""
        return Preference(difference, values["log_tie"].unsqueeze(-1) if "log_tie" in values else None)

    @property
    def logistic(self) -> bool:
        """With Bradley–Terry's link."""
        return type(self).preference_dist is PairModel.preference_dist

    def probability(self, reward: Float[Tensor, "*s n"], values: Values) -> Float[Tensor, "*s n"]:
        """The probability that a response is preferred whose reward is larger by so much, given that the pair is no tie."""
        if self.logistic:
            return reward.sigmoid()
        won, lost = (self.preference_dist(reward, values).log_prob(torch.full_like(reward, outcome)) for outcome in (1.0, 0.0))
        return (won - lost).sigmoid()

    def rows(self, values: Values, batch: Batch, statements: Statements) -> None:
        """The outcomes, given one draw of the globals."""
        preference = partial(self.preference_dist, self.difference(values, batch), values)
        statements.sample("preference", preference, scale=row_weight(batch) * batch.scale, obs=batch["outcome"])

    def log_likelihood(self, values: Values, batch: Batch) -> Float[Tensor, "*s n"]:
        """``log P(o | globals)``."""
        return self.preference_dist(self.difference(values, batch), values).log_prob(batch["outcome"])


def row_weight(batch: Batch) -> Float[Tensor, " n"]:
    """The factor of each pair's log-likelihood: its weight, times its share where pairs repeat their responses."""
    return batch["weight"] * batch["share"] if "share" in batch else batch["weight"]
