"""Weights of objectives that are given by hand: checked, and scaled to sum to one."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any

from probrm.data.files.hints import check_known, shown
from probrm.errors import ConfigError


def shares(weights: Mapping[str, Any], objectives: Sequence[str]) -> dict[str, float]:
    """A weight for each objective, in their order, with sum 1; 0 for those that are not named.

    Args:
        weights: by name, numbers of 0 or more, not all of them 0.
        objectives: names of the run's, two or more.

    Raises:
        ConfigError: an unknown name, a number that is not allowed, or no positive one.
    """
    example = f"--weights {objectives[0]}=0.7,{objectives[1]}=0.3"
    for name, value in weights.items():
        check_known("--weights", name, objectives, example)
        if not isinstance(value, Real) or isinstance(value, bool) or not math.isfinite(float(value)) or float(value) < 0:
            raise ConfigError(f"--weights: {name} is {shown(value)}; allowed: finite numbers of 0 or more", fix=f"for example {example}")
    total = sum(float(value) for value in weights.values())
    if not 0 < total < math.inf:
        raise ConfigError("--weights: their sum is 0 or not finite; allowed: at least one number above 0", fix=f"for example {example}")
    return {name: float(weights.get(name, 0.0)) / total for name in objectives}


def weights_note(given: Mapping[str, float], used: Mapping[str, float]) -> str:
    """For the user: the weights in use, and that they were divided by their sum where that was not 1."""
    total = sum(given.values())
    told = f"objective weights given by hand, the same for every prompt: {', '.join(f'{name} {value:.3g}' for name, value in used.items())}"
    return told if math.isclose(total, 1, abs_tol=1e-6) else f"{told} (those given sum to {total:.3g} and were divided by that)"
