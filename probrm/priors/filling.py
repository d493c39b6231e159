"""Distributions with numbers for parameters, made where the device can fill them in itself.

``torch.tensor(4.0, device="cuda")`` copies a number from the host and waits for everything that the device still has to do; a
dozen of them in each step of a training keep host and device from working at the same time. ``torch.full`` waits for nothing.
"""

from __future__ import annotations

import copy
import functools
from typing import Any

import pyro.distributions as dist
import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import Distribution, TransformedDistribution
from torch.distributions.transforms import AbsTransform


def filled(value: float | Tensor, like: Tensor | None = None) -> Float[Tensor, ""]:
    """A number as a tensor on the default device, or of the device and type of ``like``; a tensor stays what it is."""
    if isinstance(value, Tensor):
        return value
    return torch.full((), float(value)) if like is None else like.new_full((), value)


def normal(loc: float | Tensor, scale: float | Tensor) -> Any:
    """``dist.Normal``."""
    return dist.Normal(*_both(loc, scale))


def laplace(loc: float | Tensor, scale: float | Tensor) -> Any:
    """``dist.Laplace``."""
    return dist.Laplace(*_both(loc, scale))


def half_normal(scale: float | Tensor) -> Any:
    """``dist.HalfNormal``, which makes a number 0 of its own."""
    scale = filled(scale)
    return _folded(dist.HalfNormal, dist.Normal(torch.zeros_like(scale), scale, validate_args=False))


def half_cauchy(scale: float | Tensor) -> Any:
    """``dist.HalfCauchy``, which makes a number 0 of its own."""
    scale = filled(scale)
    return _folded(dist.HalfCauchy, dist.Cauchy(torch.zeros_like(scale), scale, validate_args=False))


def beta(concentration1: float, concentration0: float) -> Any:
    """``dist.Beta``."""
    return dist.Beta(filled(concentration1), filled(concentration0))


def on_default_device(distribution: Any) -> Any:
    """A distribution that a user made, with its parameters where the fit computes."""
    device = torch.get_default_device()
    return distribution if device.type == "cpu" else _on(distribution, device)


@functools.lru_cache(maxsize=64)
def _on(distribution: Any, device: torch.device) -> Any:
    return _moved(distribution, device)  # once


def _moved(part: Any, device: torch.device) -> Any:
    """The same with every tensor in it, those of its base and its transforms included, on ``device``."""
    moved = copy.copy(part)
    for name, value in vars(part).items():
        if isinstance(value, Tensor):
            moved.__dict__[name] = value.to(device)
        elif isinstance(value, Distribution):
            moved.__dict__[name] = _moved(value, device)
        elif name == "transforms":
            moved.__dict__[name] = [_moved(transform, device) for transform in value]
    return moved


def _both(loc: float | Tensor, scale: float | Tensor) -> tuple[Tensor, Tensor]:
    like = next((each for each in (loc, scale) if isinstance(each, Tensor)), None)
    return filled(loc, like), filled(scale, like)


def _folded(kind: Any, base: Any) -> Any:
    """What ``kind`` makes of its scale, from the symmetric distribution itself."""
    made = kind.__new__(kind)
    TransformedDistribution.__init__(made, base, AbsTransform())
    return made
