"""The rows that a baseline is fitted to, in double precision, with the design of the reward's head."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from probrm.data.batch import Batch
from probrm.recipes.logs.shape import LogShape
from probrm_models.baselines.model import EFFECT_L2, INTERCEPT_L2


@dataclass(frozen=True)
class Rows:
    """n rows.

    Attributes:
        shape: of the inputs.
        x: design of the reward: intercept, embedding over √d, covariates; ``p = 1 + d + m`` columns.
        z: design of the propensity without users: intercept, covariates; ``q = 1 + k`` columns.
        user: index into ``shape.users``; larger ones count as unknown.
        action: 0 or 1.
        label: 0, 1, or NaN.
        weight: positive.
        known: known propensities, NaN where there is none.
    """

    shape: LogShape
    x: Float[Tensor, "n p"]
    z: Float[Tensor, "n q"]
    user: Int[Tensor, " n"]
    action: Float[Tensor, " n"]
    label: Float[Tensor, " n"]
    weight: Float[Tensor, " n"]
    known: Float[Tensor, " n"]

    @classmethod
    def of(cls, batch: Batch, shape: LogShape) -> Rows:
        """The rows of a batch with the implicit model's columns."""
        one = torch.ones(len(batch), 1, dtype=torch.float64)

        def double(name: str) -> Tensor:
            return batch[name].detach().to("cpu", torch.float64)

        nothing = torch.full((len(batch),), torch.nan, dtype=torch.float64)
        return cls(
            shape,
            torch.cat([one, double("embedding") / shape.embedding**0.5, double("reward_covariates")], 1),
            torch.cat([one, double("propensity_covariates")], 1),
            batch["user"].cpu(),
            double("action"),
            double("label"),
            double("weight"),
            double("known_propensity") if "known_propensity" in batch else nothing,
        )

    def __len__(self) -> int:
        return len(self.x)

    @property
    def labelled(self) -> Tensor:
        """Which rows have an explicit label."""
        return ~self.label.isnan()

    def penalty(self, l2: float) -> Float[Tensor, " p"]:
        """Precision of each coefficient of the reward; ``l2`` is that of the weights."""
        d = self.shape.embedding
        effects = self.x.shape[1] - 1 - d
        return torch.tensor([INTERCEPT_L2, *[l2] * d, *[EFFECT_L2] * effects], dtype=torch.float64)

    def values(self, theta: Float[Tensor, " p"]) -> dict[str, Tensor]:
        """Coefficients of the reward by site."""
        d = self.shape.embedding
        found = {"reward_intercept": theta[0], "reward_weights": theta[1 : 1 + d]}
        return found | ({"reward_effects": theta[1 + d :]} if len(theta) > 1 + d else {})
