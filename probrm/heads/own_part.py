"""From the reward of the average answer with some features to that of the very answer."""

from __future__ import annotations

import math

from jaxtyping import Float
from torch import Tensor


def stretch(tau: Float[Tensor, "*s"]) -> Float[Tensor, "*s"]:
    """``√(1 + πτ²/8)``: with it the mean of ``σ(own logit)`` over ``N(0, τ²)`` is ``σ(reward)``, nearly (MacKay 1992, Neural Computation 4)."""
    return (1 + math.pi / 8 * tau.square()).sqrt()


def own_logit(reward: Float[Tensor, "*s n"], tau: Float[Tensor, "*s"], part: Float[Tensor, "*s n"]) -> Float[Tensor, "*s n"]:
    """``√(1 + πτ²/8) reward + τ part``, the part in units of τ."""
    return stretch(tau).unsqueeze(-1) * reward + tau.unsqueeze(-1) * part
