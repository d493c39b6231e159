"""A positive latent in coordinates in which its half-normal prior is a standard normal."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import Transform, constraints

_ROOT_2 = math.sqrt(2)


class HalfNormalScore(Transform):
    """``τ = F⁻¹(Φ(x))`` for the half-normal's distribution function F: a latent of which the data say little is then normal, and has a mode.

    In its logarithm it has a long tail towards 0, and a curvature at the mode that is next to nothing.

    Args:
        scale: of the half-normal.
    """

    domain = constraints.real
    codomain = constraints.positive
    bijective = True
    sign = 1  # pyright: ignore[reportAssignmentType]

    def __init__(self, scale: float) -> None:
        super().__init__(cache_size=0)
        self.scale = scale

    def _call(self, x: Float[Tensor, ...]) -> Float[Tensor, ...]:
        # Each half by the form that keeps its digits; clamped, so that the other half's is finite where it is not taken.
        upper = -torch.special.ndtri(torch.erfc(x.clamp_min(0.0) / _ROOT_2) / 4)
        lower = _ROOT_2 * torch.erfinv(torch.erfc(-x.clamp_max(0.0) / _ROOT_2) / 2)
        return self.scale * torch.where(x > 0, upper, lower)

    def _inverse(self, y: Float[Tensor, ...]) -> Float[Tensor, ...]:
        unit = y / self.scale
        return torch.where(unit > 0.6745, -torch.special.ndtri(torch.erfc(unit / _ROOT_2)), torch.special.ndtri(torch.erf(unit / _ROOT_2)))

    def log_abs_det_jacobian(self, x: Float[Tensor, ...], y: Float[Tensor, ...]) -> Float[Tensor, ...]:
        """``log φ(x) − log f(τ)``."""
        return ((y / self.scale).square() - x.square()) / 2 + math.log(self.scale / 2)
