"""A graded action (a rating, how much of an answer was kept): the cumulative logit model (McCullagh 1980)."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from pyro.distributions import TorchDistribution
from torch import Tensor
from torch.distributions import constraints

_CLOSEST = 1e-7
"""Distance of neighbouring cut points below which a level has no probability that float32 could tell from zero."""


def cut_points(hazards: Float[Tensor, "*s c"]) -> Float[Tensor, "*s c"]:
    """Ordered cut points, logits, from ``hazards[j] = P(o = j | o ≥ j)`` at location 0.

    With ``hazards[j] ~ Beta(1, levels − 1 − j)`` the levels' probabilities at location 0 are uniform on the simplex (stick-breaking),
    and no ordering constraint is left: each hazard lies in (0, 1) by itself.
    """
    survival = torch.log1p(-hazards).cumsum(-1)  # log P(o > j)
    return torch.log(-torch.expm1(survival)) - survival


class Ordinal(TorchDistribution):
    """``P(o ≤ j) = σ(c_j − location)`` for levels ``j = 0 … L − 1``; a higher location makes higher levels likelier.

    Args:
        location: a logit, shape ``batch = (*s, n)``.
        cut_points: ordered, ``(*s, L − 1)``; or one set a row, ``(*s, n, L − 1)``.
    """

    arg_constraints: dict[str, Any] = {}  # noqa: RUF012  torch declares it on the instance
    support = constraints.nonnegative_integer  # type: ignore[assignment]

    def __init__(self, location: Float[Tensor, "*s n"], cut_points: Float[Tensor, "*s c"], validate_args: bool | None = None) -> None:
        self.location, self.cut_points = location, cut_points
        super().__init__(location.shape, torch.Size(), validate_args=validate_args)

    def log_prob(self, value: Float[Tensor, " n"]) -> Float[Tensor, "*s n"]:
        """Log probability of levels given as floats 0 … L − 1, one a row.

        A difference of two sigmoids, as ``σ(a) σ(−b) (1 − e^{b − a})``: no digits are lost in the tails.
        """
        level, last = value.long(), self.cut_points.shape[-1]
        above = self._cut(level.clamp(max=last - 1)) - self.location
        below = self._cut((level - 1).clamp(min=0)) - self.location
        first, final = level == 0, level == last
        gap = torch.where(first | final, 1.0, above - below).clamp_min(_CLOSEST)
        inside = F.logsigmoid(above) + F.logsigmoid(-below) + torch.log(-torch.expm1(-gap))
        return torch.where(first, F.logsigmoid(above), torch.where(final, F.logsigmoid(-below), inside))

    def _cut(self, level: Int[Tensor, " n"]) -> Float[Tensor, "*s n"]:
        if self.cut_points.dim() > self.location.dim():
            return self.cut_points.gather(-1, level.expand(self.location.shape).unsqueeze(-1)).squeeze(-1)
        return self.cut_points.index_select(-1, level)

    @torch.no_grad()
    def sample(self, sample_shape: Any = ()) -> Float[Tensor, ...]:
        """Independent draws as floats."""
        shape = self._extended_shape(torch.Size(sample_shape))
        uniform = torch.rand(shape, dtype=self.location.dtype, device=self.location.device)
        cuts = self.cut_points if self.cut_points.dim() > self.location.dim() else self.cut_points.unsqueeze(-2)
        below = torch.sigmoid(cuts - self.location.unsqueeze(-1))  # P(o ≤ j)
        return (uniform.unsqueeze(-1) > below).sum(-1).to(self.location.dtype)
