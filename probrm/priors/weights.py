"""Priors on regression weights, each with a scale that is a number or has a prior of its own.

All are written centred (``weights ~ N(0, scale)``): the guides work in coordinates whitened by the posterior's own
curvature, in which the likelihood's correlations, not the prior's funnel, are what needs undoing.
"""

from __future__ import annotations

import math
from typing import Any

import pyro
import pyro.distributions as dist
from pydantic.dataclasses import dataclass
from torch import Tensor

from probrm.bounds import Finite, Positive
from probrm.priors.base import SETTINGS, Scale, check_centre, hyper, register_prior, sample_scale
from probrm.priors.filling import filled, half_cauchy, laplace, normal
from probrm.priors.normal_proxy import sample_with_stand_in


@register_prior
@dataclass(frozen=True, config=SETTINGS)
class Normal:
    """``N(loc, scale²)`` for each weight; ridge regression when ``scale`` is a number."""

    loc: Finite = 0.0
    scale: Scale = 1.0

    def __post_init__(self) -> None:
        check_centre(self)

    def sample(self, name: str, shape: tuple[int, ...] = ()) -> Tensor:
        """Issues ``name`` (and ``name_scale`` where the scale has a prior)."""
        scale = sample_scale(self.scale, name)
        return pyro.sample(name, normal(self.loc, scale).expand(shape).to_event(len(shape)))


@register_prior
@dataclass(frozen=True, config=SETTINGS)
class StudentT:
    """Heavy tails: most weights small, a few large. ``df`` degrees of freedom."""

    df: Positive = 4.0
    loc: Finite = 0.0
    scale: Scale = 1.0

    def __post_init__(self) -> None:
        check_centre(self)

    def sample(self, name: str, shape: tuple[int, ...] = ()) -> Tensor:
        """Issues ``name`` (and ``name_scale`` where the scale has a prior)."""
        scale = sample_scale(self.scale, name)
        wide = min(math.sqrt(self.df / (self.df - 2)), 2.0) if self.df > 2 else 2.0
        return sample_with_stand_in(name, _student(self.df, self.loc, scale), normal(self.loc, scale * wide), shape)


@register_prior
@dataclass(frozen=True, config=SETTINGS)
class Laplace:
    """Double-exponential: the Bayesian lasso (Park & Casella 2008)."""

    loc: Finite = 0.0
    scale: Scale = 1.0

    def __post_init__(self) -> None:
        check_centre(self)

    def sample(self, name: str, shape: tuple[int, ...] = ()) -> Tensor:
        """Issues ``name`` (and ``name_scale`` where the scale has a prior)."""
        scale = sample_scale(self.scale, name)
        return sample_with_stand_in(name, laplace(self.loc, scale), normal(self.loc, scale * math.sqrt(2)), shape)


@register_prior
@dataclass(frozen=True, config=SETTINGS)
class Horseshoe:
    """Sparse weights: ``w_i ~ N(0, (τ λ_i)²)``, ``λ_i ~ HalfCauchy(1)``, ``τ ~ HalfCauchy(scale)`` (Carvalho et al. 2010)."""

    scale: Positive = 0.1

    def sample(self, name: str, shape: tuple[int, ...] = ()) -> Tensor:
        """Issues ``name_global`` (τ), ``name_local`` (λ) and ``name``."""
        tau = hyper(f"{name}_global", half_cauchy(self.scale))
        local = hyper(f"{name}_local", half_cauchy(1.0).expand(shape).to_event(len(shape)))
        return pyro.sample(name, normal(0.0, tau * local).to_event(len(shape)))


def _student(df: float, loc: float, scale: float | Tensor) -> Any:
    like = scale if isinstance(scale, Tensor) else None
    return dist.StudentT(filled(df, like), filled(loc, like), filled(scale))
