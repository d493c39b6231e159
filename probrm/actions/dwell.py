"""How long an answer was looked at, in seconds: a log-normal action."""

from __future__ import annotations

import math
from typing import Any

import torch
from jaxtyping import Float
from pyro.distributions import TorchDistribution
from torch import Tensor
from torch.distributions import constraints


class Dwell(TorchDistribution):
    """``(log o − centre) / spread ~ N(location, width²)``, ``o`` in seconds.

    Args:
        location: in standard deviations of the log's log seconds, any shape.
        width: positive, in the same units, broadcast against it.
        centre: mean of the log's log seconds.
        spread: their standard deviation, positive.
    """

    arg_constraints: dict[str, Any] = {}  # noqa: RUF012  torch declares it on the instance
    support = constraints.positive  # type: ignore[assignment]

    def __init__(
        self,
        location: Float[Tensor, ...],
        width: Float[Tensor, ...],
        centre: float = 0.0,
        spread: float = 1.0,
        validate_args: bool | None = None,
    ) -> None:
        self.location, self.width = torch.broadcast_tensors(location, width)
        self.centre, self.spread = centre, spread
        super().__init__(self.location.shape, torch.Size(), validate_args=validate_args)

    def log_prob(self, value: Float[Tensor, ...]) -> Float[Tensor, ...]:
        """Log density a second."""
        seconds = value.log()
        error = ((seconds - self.centre) / self.spread - self.location) / self.width
        return -0.5 * error.square() - self.width.log() - seconds - math.log(self.spread) - 0.5 * math.log(2 * math.pi)

    @torch.no_grad()
    def sample(self, sample_shape: Any = ()) -> Float[Tensor, ...]:
        """Independent draws in seconds."""
        shape = self._extended_shape(torch.Size(sample_shape))
        noise = torch.randn(shape, dtype=self.location.dtype, device=self.location.device)
        return torch.exp(self.centre + self.spread * (self.location + self.width * noise))
