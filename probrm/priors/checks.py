"""Whether priors give the values that their parameters can have."""

from __future__ import annotations

import math
from typing import Any

import torch
from pyro import poutine

from probrm.errors import ConfigError
from probrm.priors import Prior


def check_scales(priors: object, where: str = "model.priors") -> None:
    """The scale of a prior that has one of its own is positive.

    Args:
        priors: a dataclass with a prior in each field.
        where: its place in the settings, for messages.

    Raises:
        ConfigError: a scale's prior can give other numbers.
    """
    for slot in priors.__dataclass_fields__:  # type: ignore[attr-defined]
        scale = getattr(getattr(priors, slot), "scale", None)
        if isinstance(scale, Prior):
            check_support(f"{where}.{slot}.scale", scale, 0.0, math.inf, "positive numbers", "HalfNormal")


def check_support(where: str, prior: Prior, least: float, most: float, allowed: str, example: str) -> None:
    """All values of the prior lie between ``least`` and ``most``.

    Args:
        where: the setting, for the message.
        prior: of a scalar.
        least: the parameter's least value.
        most: its greatest.
        allowed: both in words.
        example: name of a prior that fits.

    Raises:
        ConfigError: the prior can give values outside.
    """
    lowest, highest = _bounds(prior)
    if lowest < least or highest > most:
        raise ConfigError(f"{where}: {type(prior).__name__} can give values outside {allowed}", fix=f"--set {where}.dist={example}")


def check_unbounded(where: str, prior: Prior) -> None:
    """The prior reaches all real numbers, as one on weights should.

    Raises:
        ConfigError: it has a bound.
    """
    if any(map(math.isfinite, _bounds(prior))):
        raise ConfigError(
            f"{where}: {type(prior).__name__} gives values on one side only; allowed: all numbers", fix=f"--set {where}.dist=Normal"
        )


def _bounds(prior: Prior) -> tuple[float, float]:
    with torch.random.fork_rng(devices=[]):
        nodes: Any = poutine.trace(prior.sample).get_trace("x").nodes
    support = nodes["x"]["fn"].support
    return float(getattr(support, "lower_bound", -math.inf)), float(getattr(support, "upper_bound", math.inf))
