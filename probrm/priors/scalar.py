"""Priors on single quantities: rates in (0, 1) and positive scales."""

from __future__ import annotations

from typing import Any

import pyro
import pyro.distributions as dist
from pydantic.dataclasses import dataclass
from torch import Tensor

from probrm.bounds import Finite, Positive
from probrm.priors.base import SETTINGS, hyper, register_prior
from probrm.priors.filling import beta, filled, half_cauchy, half_normal


@register_prior
@dataclass(frozen=True, config=SETTINGS)
class Beta:
    """A rate in (0, 1): ``concentration1`` pseudo-counts of yes, ``concentration0`` of no."""

    concentration1: Positive = 1.0
    concentration0: Positive = 1.0

    def sample(self, name: str, shape: tuple[int, ...] = ()) -> Tensor:
        """Issues the site ``name``; values in (0, 1)."""
        return pyro.sample(name, beta(self.concentration1, self.concentration0).expand(shape).to_event(len(shape)))


class _PositiveScale:
    """A positive quantity, marked as a scale for the Newton–Laplace start."""

    def _distribution(self) -> Any:
        raise NotImplementedError

    def sample(self, name: str, shape: tuple[int, ...] = ()) -> Tensor:
        """Issues the site ``name``; values in (0, ∞)."""
        return hyper(name, self._distribution().expand(shape).to_event(len(shape)))


@register_prior
@dataclass(frozen=True, config=SETTINGS)
class HalfNormal(_PositiveScale):
    """A positive scale that is not much larger than ``scale``."""

    scale: Positive = 1.0

    def _distribution(self) -> Any:
        return half_normal(self.scale)


@register_prior
@dataclass(frozen=True, config=SETTINGS)
class HalfCauchy(_PositiveScale):
    """A positive scale, mostly near ``scale``, sometimes much larger."""

    scale: Positive = 1.0

    def _distribution(self) -> Any:
        return half_cauchy(self.scale)


@register_prior
@dataclass(frozen=True, config=SETTINGS)
class Gamma(_PositiveScale):
    """A positive scale with mean ``concentration / rate``, kept away from zero where ``concentration`` > 1."""

    concentration: Positive = 2.0
    rate: Positive = 2.0

    def _distribution(self) -> Any:
        return dist.Gamma(filled(self.concentration), filled(self.rate))


@register_prior
@dataclass(frozen=True, config=SETTINGS)
class LogNormal(_PositiveScale):
    """A positive scale whose logarithm is Normal(``loc``, ``scale``)."""

    loc: Finite = 0.0
    scale: Positive = 1.0

    def _distribution(self) -> Any:
        return dist.LogNormal(filled(self.loc), filled(self.scale))
