"""Where each user's effect is looked at when it is integrated out."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

COUNT = 11
"""Nodes of a user."""


@dataclass(frozen=True)
class Nodes:
    """Gauss–Hermite nodes placed where each user's effect is likely, ``∫ f(α) dα ≈ Σ_k exp(log_weight_k) f(α_k)``.

    They are placed once, around the mode (Naylor & Smith 1982, Applied Statistics 31; Liu & Pierce 1994, Biometrika 81), and follow the scale s
    of the effects' prior as a normal likelihood's posterior would: precision ``J + s⁻²``, mean ``m / (J + s⁻²)``. So they fit a user of whom
    nothing is seen at any scale, and one of whom much is seen.

    Attributes:
        information: ``J``, what the user's rows say, ``(u,)``.
        pull: ``m``, ``(u,)``.
    """

    information: Float[Tensor, " u"]
    pull: Float[Tensor, " u"]

    @classmethod
    def around(cls, centre: Float[Tensor, " u"], width: Float[Tensor, " u"], scale: Float[Tensor, ""]) -> Nodes:
        """From the effects' mode and their deviations there, everything else given, at one scale of their prior."""
        return cls((width**-2 - scale**-2).clamp_min(0.0), centre / width.square())

    def at(self, scale: Float[Tensor, ""]) -> tuple[Float[Tensor, "k u"], Float[Tensor, "k u"]]:
        """Nodes and log weights at a scale of the prior."""
        x, weight = hermite(self.pull)
        width = (self.information + scale**-2).rsqrt()
        centre, spread = self.pull * width.square(), math.sqrt(2) * width
        return centre + x[:, None] * spread, spread.log() + (weight.log() + x.square())[:, None]

    def to(self, like: Tensor) -> Nodes:
        """In the precision and on the device of a tensor."""
        return Nodes(self.information.to(like), self.pull.to(like))


def hermite(like: Tensor) -> tuple[Float[Tensor, " k"], Float[Tensor, " k"]]:
    """Nodes and weights of ``∫ exp(−x²) f(x) dx``."""
    x, weight = np.polynomial.hermite.hermgauss(COUNT)
    return torch.from_numpy(x).to(like), torch.from_numpy(weight).to(like)
