"""A positive latent in coordinates in which its half-normal prior is a standard normal."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import Transform, constraints

_ROOT_2 = math.sqrt(2)


_FAR = {torch.float32: 12.0, torch.float64: 35.0}
"""Where both tails begin to be those of Mills' ratio: close (to 1e-3 of a slope), and finite everywhere."""
_LOWEST = 12.0
"""Below its negative τ would be 0 in float32: it stays."""


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
        reach = _FAR.get(x.dtype, 12.0)
        # Each half by the form that keeps its digits; clamped, so that the other half's is finite where it is not taken.
        upper = -torch.special.ndtri(torch.erfc(x.clamp(0.0, reach) / _ROOT_2) / 4)
        lower = _ROOT_2 * torch.erfinv(torch.erfc(-x.clamp(-_LOWEST, 0.0) / _ROOT_2) / 2)
        far = x.clamp_min(reach)
        beyond = (far.square() + 2 * torch.log(2 * far * (far.square() + 2 * math.log(2)).rsqrt())).sqrt()
        return self.scale * torch.where(x > reach, beyond, torch.where(x > 0, upper, lower))

    def _inverse(self, y: Float[Tensor, ...]) -> Float[Tensor, ...]:
        unit = y / self.scale
        reach = _FAR.get(y.dtype, 12.0)
        near, far = unit.clamp_max(reach), unit.clamp_min(reach)
        beyond = (far.square() - 2 * torch.log(2 * (far.square() - 2 * math.log(2)).sqrt() / far)).sqrt()
        found = torch.where(near > 0.6745, -torch.special.ndtri(torch.erfc(near / _ROOT_2)), torch.special.ndtri(torch.erf(near / _ROOT_2)))
        return torch.where(unit > reach, beyond, found)

    def log_abs_det_jacobian(self, x: Float[Tensor, ...], y: Float[Tensor, ...]) -> Float[Tensor, ...]:
        """``log φ(x) − log f(τ)``."""
        return ((y / self.scale).square() - x.square()) / 2 + math.log(self.scale / 2)
