"""A table of the posterior's variables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

from probrm.model import RewardModel
from probrm.posterior.rewards import LEVEL

_NUMBERS = ("mean", "sd", "low", "high")
_MIXING = ("ess_bulk", "ess_tail", "r_hat")


@dataclass(frozen=True)
class Variable:
    """One site: numbers for a scalar, arrays of the site's shape otherwise.

    Attributes:
        mean: posterior mean.
        sd: posterior standard deviation.
        low: lower end of the central 90 % interval.
        high: upper end.
        coords: names along the site's dimension (``{"user": […]}``), empty for a scalar.
        ess_bulk: effective draws behind the mean; None unless the draws are a sampler's.
        ess_tail: effective draws behind the ends of the interval.
        r_hat: rank-normalised split R̂; NaN for one chain.
    """

    mean: np.ndarray
    sd: np.ndarray
    low: np.ndarray
    high: np.ndarray
    coords: dict[str, list[str]]
    ess_bulk: np.ndarray | None = None
    ess_tail: np.ndarray | None = None
    r_hat: np.ndarray | None = None

    def to_dict(self) -> dict[str, Any]:
        """As JSON; without effective draws and R̂ where there are none."""
        told = [*_NUMBERS, *(name for name in _MIXING if getattr(self, name) is not None)]
        return {name: getattr(self, name).tolist() for name in told} | {"coords": self.coords}


def summarise(model: RewardModel, draws: Mapping[str, Tensor], chains: int = 1, *, sampled: bool = False) -> dict[str, Variable]:
    """Mean, deviation and central 90 % interval of every site, by name.

    Args:
        model: says what the dimensions are called.
        draws: ``(s, *shape)`` by site, chain after chain.
        chains: how many there are in them.
        sampled: the draws are a sampler's (NUTS): effective draws and R̂ mean something (Vehtari, Gelman, Simpson, Carpenter & Bürkner
            2021, arXiv 1903.08008). Draws from a guide are independent whatever the guide is worth, and would only seem to have converged.
    """
    tail = (1 - LEVEL) / 2
    mixing = _mixing(draws, chains) if sampled else {}
    table = {}
    for name, value in sorted(draws.items()):
        x = value.double().numpy()
        low, high = np.quantile(x, [tail, 1 - tail], axis=0)
        table[name] = Variable(
            x.mean(0),
            x.std(0, ddof=min(1, len(x) - 1)),
            low,
            high,
            model.axes(name, x.shape[1:]),
            **mixing.get(name, {}),
        )
    return table


def _mixing(draws: Mapping[str, Tensor], chains: int) -> dict[str, dict[str, np.ndarray]]:
    """ArviZ's own numbers, by site."""
    import arviz  # 1.8 seconds
    import xarray

    def variable(value: Tensor) -> Any:
        x = value.numpy().reshape(chains, -1, *value.shape[1:])
        return xarray.Variable(("chain", "draw", *(f"{i}" for i in range(x.ndim - 2))), x)

    found = {}
    for name, value in draws.items():
        one = xarray.Dataset({"x": variable(value)})  # each by itself: the dimensions have no names that could meet others'
        numbers: list[Any] = [arviz.ess(one, method="bulk"), arviz.ess(one, method="tail"), arviz.rhat(one)]
        found[name] = {name: np.asarray(number["x"]) for name, number in zip(_MIXING, numbers, strict=True)}
    return found
