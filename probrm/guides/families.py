"""The families of densities over whitened coordinates. Each starts as a standard normal: the Laplace solution."""

from __future__ import annotations

from typing import Any, Protocol

import pyro.distributions as dist
import torch
import torch.nn.functional as F
from jaxtyping import Bool
from torch import Tensor, nn

from probrm.errors import ConfigError
from probrm.guides.skewed import SkewedNormal

FULL_RANK_LIMIT = 3000
"""Largest dimension of ``full-rank``: 9 million parameters, 36 MB, and as many again for each moment of Adam."""


class Family(Protocol):
    """A module whose call gives a reparameterised density over ``(D,)``."""

    def __call__(self) -> Any:
        """The density."""
        ...


_UNIT = 0.5413248546129181  # softplus(_UNIT) = 1


class DiagonalNormal(nn.Module):
    """Independent normals, of which some may be skewed.

    Args:
        size: D.
        held: a coordinate that stays a standard normal. Where the coordinates have a latent's whole marginal already (``PathFollowing``), a bound
            over independent normals would narrow it: it weighs the latent's spread against what the others lose by not following it.
        skewed: coordinates whose density may lean to one side: the scale of a prior has a tail towards 0 that a normal logarithm lacks.
    """

    held: Tensor
    skewed: Tensor

    def __init__(self, size: int, held: int | None = None, skewed: Bool[Tensor, " D"] | None = None) -> None:
        super().__init__()
        self.loc = nn.Parameter(torch.zeros(size))
        self.raw_scale = nn.Parameter(torch.full((size,), _UNIT))
        self.register_buffer("held", torch.arange(size) == (-1 if held is None else held), persistent=False)
        self._is_held = held is not None
        if skewed is not None and bool(skewed.any()):
            self.register_buffer("skewed", skewed, persistent=False)
            self.skew = nn.Parameter(torch.zeros(size))
        else:
            self.skew = None

    def forward(self) -> Any:
        """Event shape ``(D,)``."""
        loc, scale = self.loc, F.softplus(self.raw_scale)
        if self._is_held:
            loc, scale = loc.masked_fill(self.held, 0.0), scale.masked_fill(self.held, 1.0)
        if self.skew is None:
            return dist.Normal(loc, scale).to_event(1)
        return SkewedNormal(loc, scale, self.skew.masked_fill(~self.skewed, 0.0)).to_event(1)


class LowRankNormal(nn.Module):
    """A multivariate normal with covariance ``diag(s²) + W Wᵀ``, ``W (D, rank)``."""

    def __init__(self, size: int, rank: int) -> None:
        super().__init__()
        self.loc = nn.Parameter(torch.zeros(size))
        self.raw_scale = nn.Parameter(torch.full((size,), _UNIT))
        # Not zero, where the gradient in W vanishes; small against the unit diagonal.
        self.factor = nn.Parameter(0.01 * torch.randn(size, min(rank, size)))

    def forward(self) -> Any:
        """Event shape ``(D,)``."""
        return dist.LowRankMultivariateNormal(self.loc, self.factor, F.softplus(self.raw_scale).square())


class FullRankNormal(nn.Module):
    """A multivariate normal with a free Cholesky factor."""

    def __init__(self, size: int) -> None:
        super().__init__()
        if size > FULL_RANK_LIMIT:
            raise ConfigError(
                f"guide 'full-rank' over {size} latents: its covariance would have {size**2 / 1e6:.0f} million entries; "
                f"the limit is {FULL_RANK_LIMIT} latents",
                fix="use --guide auto-normal (correlations near the mode are kept by its whitened coordinates) or --guide low-rank",
            )
        self.loc = nn.Parameter(torch.zeros(size))
        self.raw_scale = nn.Parameter(torch.full((size,), _UNIT))
        self.lower = nn.Parameter(torch.zeros(size, size))

    def forward(self) -> Any:
        """Event shape ``(D,)``."""
        # Divided by the root of the size: one step of Adam then moves a row of the factor as far as it moves a mean.
        scale_tril = self.lower.tril(-1) / len(self.loc) ** 0.5 + torch.diag(F.softplus(self.raw_scale))
        return dist.MultivariateNormal(self.loc, scale_tril=scale_tril, validate_args=False)


class Point(nn.Module):
    """All mass at one point: the mode given the scales of the priors.

    The scales themselves stay at their evidence estimate, for the joint density of weights and their scale has no
    mode.
    """

    fixed: Tensor

    def __init__(self, fixed: Bool[Tensor, " D"]) -> None:
        super().__init__()
        self.loc = nn.Parameter(torch.zeros(len(fixed)))
        self.register_buffer("fixed", fixed)

    def forward(self) -> Any:
        """Event shape ``(D,)``."""
        return dist.Delta(self.loc.masked_fill(self.fixed, 0.0), event_dim=1)
