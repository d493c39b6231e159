"""A variable's entries with their names: what a forest draws, and which single quantities a posterior has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from jaxtyping import Float
from torch import Tensor

from probrm.model import RewardModel
from probrm.posterior import Variable
from probrm.posterior.rewards import LEVEL

INTERVAL = "posterior mean and central 90 % interval"
POINT = "point estimates, without intervals"
FEW = 6
"""Entries up to which a vector counts as so many single quantities."""


@dataclass(frozen=True)
class Entries:
    """Named numbers with intervals.

    Attributes:
        names: n of them.
        mean: ``(n,)``.
        low: lower ends of the intervals.
        high: upper ends.
    """

    names: Sequence[str]
    mean: Float[np.ndarray, " n"]
    low: Float[np.ndarray, " n"]
    high: Float[np.ndarray, " n"]

    def __len__(self) -> int:
        return len(self.names)

    @classmethod
    def of(cls, variable: Variable, name: str = "") -> Entries:
        """Of a site's summary; several dimensions are flattened (``copied: hour``), a scalar goes by ``name``."""
        names = [": ".join(labels) for labels in product(*variable.coords.values())] if variable.coords else [name]
        mean, low, high = (np.asarray(x, float).ravel() for x in (variable.mean, variable.low, variable.high))
        if len(names) != len(mean):  # a site whose model does not name its entries
            names = [f"{name} {i}".strip() for i in range(len(mean))]
        return cls(names, mean, low, high)

    @classmethod
    def of_draws(cls, names: Sequence[str], draws: Float[np.ndarray, "s n"]) -> Entries:
        """Mean and central 90 % interval of draws."""
        low, high = np.quantile(draws, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
        return cls(names, draws.mean(0), low, high)

    def take(self, index: Sequence[int] | np.ndarray) -> Entries:
        """Some of them, in that order."""
        return Entries([self.names[i] for i in index], self.mean[index], self.low[index], self.high[index])

    @property
    def points(self) -> bool:
        """No entry has an interval: one draw."""
        return bool(np.all(self.low == self.high))


def interval_note(*entries: Entries) -> str:
    """What the drawn intervals are."""
    return POINT if all(one.points for one in entries) else INTERVAL


def single_quantities(model: RewardModel, draws: Mapping[str, Tensor], few: int = FEW) -> dict[str, Float[np.ndarray, " s"]]:
    """Scalars first, then the entries of vectors with few of them, by name: ``base_rate``, ``propensity_effects[hour]``."""
    found: dict[str, np.ndarray] = {}
    for name, value in sorted(draws.items(), key=lambda site: site[1].ndim > 1):
        x = value.detach().double().numpy()
        if x.ndim == 1:
            found[name] = x
        elif x[0].size <= few:
            labels = [": ".join(each) for each in product(*model.axes(name, x.shape[1:]).values())]
            flat = x.reshape(len(x), -1)
            found |= {f"{name}[{label}]": flat[:, i] for i, label in enumerate(labels)}
    return found
