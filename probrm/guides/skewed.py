"""A normal that may lean to one side: what the logarithm of a prior's scale has, whose tail towards 0 no normal reaches."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from pyro.distributions import Normal, TorchDistribution
from torch import Tensor
from torch.distributions import constraints

_ROOT = 1.354530806481314
"""``E √(1 + x²)`` of a standard normal x."""


class SkewedNormal(TorchDistribution):
    """``loc + scale (sinh(asinh(x) + s) − a) / b`` of a standard normal x, with a and b such that ``loc`` and ``scale`` are mean and deviation.

    Source: Jones & Pewsey, "Sinh-arcsinh distributions" (Biometrika 96, 2009), with their tail parameter at 1.

    Args:
        loc: the mean.
        scale: the standard deviation, positive.
        skew: s; 0 is a normal, below 0 the tail to the left is the longer one.
    """

    arg_constraints: dict[str, Any] = {}  # noqa: RUF012  torch declares it on the instance
    support = constraints.real  # type: ignore[assignment]
    has_rsample = True

    def __init__(self, loc: Float[Tensor, ...], scale: Float[Tensor, ...], skew: Float[Tensor, ...]) -> None:
        self.loc, self.scale, self.skew = torch.broadcast_tensors(loc, scale, skew)
        self._cosh, self._sinh = self.skew.cosh(), self.skew.sinh()
        self._centre = _ROOT * self._sinh
        self._width = (self._cosh.square() + (2 - _ROOT**2) * self._sinh.square()).sqrt()
        super().__init__(self.loc.shape, torch.Size(), validate_args=False)

    def expand(self, batch_shape: Any, _instance: Any = None) -> SkewedNormal:
        """The same over a larger batch."""
        return SkewedNormal(*(part.expand(batch_shape) for part in (self.loc, self.scale, self.skew)))

    @property
    def mean(self) -> Float[Tensor, ...]:
        """``loc``."""
        return self.loc

    @property
    def variance(self) -> Float[Tensor, ...]:
        """``scale²``."""
        return self.scale.square()

    def rsample(self, sample_shape: Any = ()) -> Float[Tensor, ...]:
        """Reparameterised draws."""
        x = torch.randn(self._extended_shape(torch.Size(sample_shape)), dtype=self.loc.dtype, device=self.loc.device)
        y = x * self._cosh + (1 + x.square()).sqrt() * self._sinh
        return self.loc + self.scale * (y - self._centre) / self._width

    def log_prob(self, value: Float[Tensor, ...]) -> Float[Tensor, ...]:
        """``log φ(x) − log |d value / d x|``."""
        y = (value - self.loc) / self.scale * self._width + self._centre
        x = y * self._cosh - (1 + y.square()).sqrt() * self._sinh
        volume = (torch.log1p(y.square()) - torch.log1p(x.square())) / 2 + self.scale.log() - self._width.log()
        return Normal(torch.zeros_like(x), torch.ones_like(x)).log_prob(x) - volume
