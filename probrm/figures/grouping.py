"""Rows in groups: by level of a covariate, by user, by what was predicted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from jaxtyping import Float, Int, Shaped

from probrm.figures.style import spread_out

LEAST = 10
"""Rows from which on a group is shown."""


@dataclass(frozen=True)
class Grouping:
    """One way of putting rows into groups.

    Attributes:
        name: of what they are grouped by.
        labels: of the groups.
        index: the group of each row, −1 for none, ``(n,)``.
    """

    name: str
    labels: tuple[str, ...]
    index: Int[np.ndarray, " n"]

    def counts(self) -> Int[np.ndarray, " g"]:
        """Rows of each group."""
        return np.bincount(self.index[self.index >= 0], minlength=len(self.labels))

    def means(self, values: Float[np.ndarray, "*s n"], weight: Float[np.ndarray, " n"]) -> Float[np.ndarray, "*s g"]:
        """Weighted means of values in each group; missing values are left out, NaN where a group has none."""
        inside = self.index >= 0
        member = np.zeros((len(self.index), len(self.labels)))
        member[np.flatnonzero(inside), self.index[inside]] = weight[inside]
        seen = ~np.isnan(values)
        total = np.where(seen, values, 0.0) @ member
        mass = seen.astype(float) @ member
        with np.errstate(invalid="ignore"):
            return np.where(mass > 0, total / mass, np.nan)


def by_level(name: str, values: Shaped[np.ndarray, " n"], *, least: int = LEAST, most: int = 12) -> Grouping:
    """One group a value, in their order; values with few rows are left out, and of many those with most rows are kept."""
    levels, index, counts = np.unique(np.asarray(values).astype(str), return_inverse=True, return_counts=True)
    kept = np.flatnonzero(counts >= least)
    kept = np.sort(kept[np.argsort(-counts[kept], kind="stable")[:most]])
    return _kept(name, [str(levels[i]) for i in kept], kept, index, len(levels))


def by_quantile(name: str, values: Float[np.ndarray, " n"], bins: int = 5, *, least: int = LEAST) -> Grouping:
    """Groups of about equally many rows, equal values together; labelled by their ranges. Few values make one group each."""
    values = np.asarray(values, float)
    fine = np.isfinite(values)
    distinct = np.unique(values[fine])
    if len(distinct) <= bins:
        labels = np.array([f"{value:.3g}" for value in distinct])
        index = np.where(fine, np.searchsorted(distinct, values), -1)
    else:
        edges = np.unique(np.quantile(values[fine], np.linspace(0, 1, bins + 1)))
        index = np.where(fine, np.clip(np.searchsorted(edges, values, side="right") - 1, 0, len(edges) - 2), -1)
        labels = np.array([f"{low:.3g} to {high:.3g}" for low, high in pairwise(edges)])
    counts = np.bincount(index[index >= 0], minlength=len(labels))
    kept = np.flatnonzero(counts >= least)
    return _kept(name, [str(labels[i]) for i in kept], kept, index, len(labels))


def by_member(name: str, index: Int[np.ndarray, " n"], names: Sequence[str], *, least: int = LEAST, most: int = 12) -> Grouping:
    """One group a user: of those with enough rows the ends and evenly spaced ones by number of rows, the busiest first."""
    counts = np.bincount(index, minlength=len(names))
    enough = np.flatnonzero(counts >= least)
    kept = enough[np.argsort(-counts[enough], kind="stable")]
    kept = kept[spread_out(len(kept), most)]
    labels = [str(names[i]) if i < len(names) else f"unknown {i - len(names) + 1}" for i in kept]
    return _kept(name, labels, kept, index, len(counts))


def _kept(name: str, labels: Sequence[str], kept: np.ndarray, index: np.ndarray, count: int) -> Grouping:
    place = np.full(count + 1, -1)  # the last entry is for −1
    place[kept] = np.arange(len(kept))
    return Grouping(name, tuple(labels), place[index])
