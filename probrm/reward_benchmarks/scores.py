"""Scores put together from means over items, as functions of how often each prompt is drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from probrm.data.files.hints import listed
from probrm.evaluation.ratio import Ratio
from probrm.evaluation.resample import Estimate, Statistic
from probrm.evaluation.sample import Codes, Floats

OTHER = "other"
"""The section of subsets that the published form does not know: they are told, and count nowhere."""


@dataclass(frozen=True)
class Blend:
    """``Σ_j weight_j · part_j``.

    Attributes:
        weights: one a part.
        parts: statistics of the same clusters.
    """

    weights: tuple[float, ...]
    parts: tuple[Statistic, ...]

    def __call__(self, counts: Floats) -> Floats:
        """Counts (b, k) to values (b,); NaN where one of the parts is."""
        return np.sum([weight * part(counts) for weight, part in zip(self.weights, self.parts, strict=True)], axis=0)


@dataclass(frozen=True)
class Scores:
    """Makes estimates for n items.

    Attributes:
        clusters: (n,) codes 0..k-1 of what the bootstrap draws.
        k: their number.
        notes: what the scores leave out.
    """

    clusters: Codes
    k: int
    notes: list[str] = field(default_factory=list)

    def mean(self, values: Floats) -> Estimate:
        """The mean of ``values`` (n,) over the items where they are no NaN."""
        inside = np.isfinite(values)
        if not inside.any():
            return Estimate(None, reason="there are no such items")
        units = np.unique(self.clusters[inside]).size
        return Estimate.of(Ratio.mean(values, np.ones(values.size), self.clusters), self.k, units=units if units < self.k else None)

    def means(self, values: Floats, subsets: Sequence[str]) -> dict[str, Estimate]:
        """The mean of ``values`` (n,) in each subset, in the order in which these come first."""
        names = np.array(subsets, dtype=object)
        return {name: self.mean(np.where(names == name, values, np.nan)) for name in dict.fromkeys(subsets)}

    def blend(self, weights: Mapping[str, float], parts: Mapping[str, Estimate]) -> Estimate:
        """The sum of the parts, each times its weight; undefined where one of them is missing or undefined."""
        statistics: list[Statistic] = []
        units = 0
        for name in weights:
            part = parts.get(name)
            if part is None or part.statistic is None:
                return Estimate(None, reason=f"{name}: {'there are no such items' if part is None else part.reason}")
            statistics.append(part.statistic)
            units += self.k if part.units is None else part.units
        return Estimate.of(Blend(tuple(weights.values()), tuple(statistics)), self.k, units=units if units < self.k else None)

    def average(self, what: str, weights: Mapping[str, float], parts: Mapping[str, Estimate]) -> Estimate:
        """The weighted mean of those parts that there are; the others are told in a note.

        Args:
            what: the score's name, for the note.
            weights: by the parts' names.
            parts: by name.
        """
        there = {name: weight for name, weight in weights.items() if name in parts and parts[name].statistic is not None}
        if not there:
            return Estimate(None, reason=f"none of {listed(weights)} is in the file")
        missing = [name for name in weights if name not in there]
        if missing:
            self.notes.append(f"{what}: without {listed(missing)}, of which there is no score here; not the published score")
        total = sum(there.values())
        return self.blend({name: weight / total for name, weight in there.items()}, parts)
