"""A Bernoulli given by the logarithms of its two probabilities, exact where one of them is zero."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from pyro.distributions import TorchDistribution
from torch import Tensor
from torch.distributions import constraints


def logaddexp(a: Float[Tensor, ...], b: Float[Tensor, ...]) -> Float[Tensor, ...]:
    """``log(eᵃ + eᵇ)`` where either may be −∞: torch's own has a second derivative of NaN there."""
    a, b = torch.broadcast_tensors(a, b)
    no_a, no_b = torch.isneginf(a), torch.isneginf(b)
    both = torch.logaddexp(a.masked_fill(no_a, 0.0), b.masked_fill(no_b, 0.0))
    return torch.where(no_a, b, torch.where(no_b, a, both))


class LogBernoulli(TorchDistribution):
    """``P(1) = exp(log_p1)``, ``P(0) = exp(log_p0)``; either may be −∞.

    Torch's Bernoulli clamps probabilities to [eps, 1 − eps], which turns an impossible stratum into a merely unlikely
    one and a product of probabilities into a loss of digits. Here both logarithms are computed by whoever knows the
    stable formula. The caller guarantees that they are those of one distribution (checked with validation on).

    Args:
        log_p1: log P(1), shape ``batch``.
        log_p0: log P(0), shape ``batch``.
    """

    arg_constraints: dict[str, Any] = {}  # noqa: RUF012  torch declares it on the instance
    support = constraints.boolean  # type: ignore[assignment]
    has_enumerate_support = True

    def __init__(self, log_p1: Float[Tensor, ...], log_p0: Float[Tensor, ...], validate_args: bool | None = None) -> None:
        self.log_p1, self.log_p0 = torch.broadcast_tensors(log_p1, log_p0)
        super().__init__(self.log_p1.shape, torch.Size(), validate_args=validate_args)
        if self._validate_args:
            total = torch.logaddexp(self.log_p1.detach(), self.log_p0.detach())
            # A step of a search that goes too far has no finite logits; whoever steps sees that by its value.
            if torch.any(total.abs() >= 1e-3):
                raise ValueError(f"exp(log_p1) + exp(log_p0) must be 1; the farthest is {float(total.exp().sub(1).abs().max()):.2g} off")

    def expand(self, batch_shape: Any, _instance: Any = None) -> LogBernoulli:
        """The same distribution over a larger batch."""
        wide = LogBernoulli(self.log_p1.expand(batch_shape), self.log_p0.expand(batch_shape), validate_args=False)
        wide._validate_args = self._validate_args  # plates expand everything: values are still checked, sums not again
        return wide

    def log_prob(self, value: Float[Tensor, ...]) -> Float[Tensor, ...]:
        """``log_p1`` where the value is 1, ``log_p0`` where it is 0."""
        if self._validate_args:
            self._validate_sample(value)
        return torch.where(value.bool(), self.log_p1, self.log_p0)

    @torch.no_grad()
    def sample(self, sample_shape: Any = ()) -> Float[Tensor, ...]:
        """Independent draws as floats 0 and 1."""
        return torch.bernoulli(self.log_p1.exp().clamp(0, 1).expand(self._extended_shape(torch.Size(sample_shape))))

    def enumerate_support(self, expand: bool = True) -> Float[Tensor, "2 ..."]:
        """The values 0 and 1 along a new first dimension."""
        values = torch.arange(2, dtype=self.log_p1.dtype, device=self.log_p1.device).reshape((2,) + (1,) * len(self.batch_shape))
        return values.expand((2, *self.batch_shape)) if expand else values
