"""From the linear predictor of a propensity to the propensity that a method divides by."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True)
class Link:
    """``μ = min(1, σ(η) / scale) ** power``, at least ``floor``; a propensity that is known takes its place.

    Attributes:
        scale: the action probability that counts as propensity 1.
        power: of the relative propensity.
        floor: lower bound.
        heeds_known: whether known propensities go before the estimate; a method that takes all propensities for equal has no use for them.
    """

    scale: float = 1.0
    power: float = 1.0
    floor: float = 0.0
    heeds_known: bool = True

    def __call__(self, logit: Float[Tensor, "*s n"], known: Float[Tensor, " n"] | None = None) -> Float[Tensor, "*s n"]:
        """``μ`` of each row.

        Args:
            logit: ``η``.
            known: in (0, 1], NaN where the propensity is to be estimated; None where none is known.
        """
        relative = (torch.sigmoid(logit) / self.scale).clamp(max=1.0) ** self.power
        if known is not None and self.heeds_known:
            relative = torch.where(known.isnan(), relative, known.to(relative.dtype))
        return relative.clamp(min=self.floor)
