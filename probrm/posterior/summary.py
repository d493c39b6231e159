"""A table of the posterior's variables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

from probrm.model import RewardModel
from probrm.posterior.rewards import LEVEL


@dataclass(frozen=True)
class Variable:
    """One site: numbers for a scalar, arrays of the site's shape otherwise.

    Attributes:
        mean: posterior mean.
        sd: posterior standard deviation.
        low: lower end of the central 90 % interval.
        high: upper end.
        coords: names along the site's dimension (``{"user": […]}``), empty for a scalar.
    """

    mean: np.ndarray
    sd: np.ndarray
    low: np.ndarray
    high: np.ndarray
    coords: dict[str, list[str]]

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {name: getattr(self, name).tolist() for name in ("mean", "sd", "low", "high")} | {"coords": self.coords}


def summarise(model: RewardModel, draws: Mapping[str, Tensor]) -> dict[str, Variable]:
    """Mean, deviation and central 90 % interval of every site, by name."""
    dims, coords = model.dims(), model.coords()
    tail = (1 - LEVEL) / 2
    table = {}
    for name, value in sorted(draws.items()):
        x = value.double().numpy()
        low, high = np.quantile(x, [tail, 1 - tail], axis=0)
        table[name] = Variable(
            x.mean(0), x.std(0, ddof=min(1, len(x) - 1)), low, high, {dim: coords[dim] for dim in dims.get(name, ()) if x.ndim > 1}
        )
    return table
