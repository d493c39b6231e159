"""Posterior predictive checks (Gelman, Meng & Stern 1996): what was observed in groups of rows, beside what the model would observe."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from probrm.figures.grouping import Grouping
from probrm.figures.style import BLUE, ORANGE, canvas, legend_above, limits, panel_title, short
from probrm.posterior.rewards import LEVEL


@dataclass(frozen=True)
class Replicated:
    """The mean of a group, observed and replicated.

    Attributes:
        observed: ``(g,)``.
        mean: of the replicates.
        low: lower end of their central 90 % interval.
        high: upper end.
    """

    observed: Float[np.ndarray, " g"]
    mean: Float[np.ndarray, " g"]
    low: Float[np.ndarray, " g"]
    high: Float[np.ndarray, " g"]

    @property
    def outside(self) -> int:
        """Groups whose observed mean is outside the interval."""
        return int(np.sum((self.observed < self.low) | (self.observed > self.high)))


def replicated_means(
    grouping: Grouping,
    observed: Float[np.ndarray, " n"],
    replicates: Float[np.ndarray, "s n"],
    weight: Float[np.ndarray, " n"] | None = None,
) -> Replicated:
    """Weighted means in each group; rows without an observation count in neither."""
    weight = np.ones(len(observed)) if weight is None else weight
    drawn = grouping.means(np.where(np.isnan(observed), np.nan, replicates), weight)
    low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
    return Replicated(grouping.means(np.asarray(observed, float), weight), drawn.mean(0), low, high)


def predictive_check(
    groupings: Sequence[Grouping],
    observed: Float[np.ndarray, " n"],
    replicates: Float[np.ndarray, "s n"],
    weight: Float[np.ndarray, " n"] | None = None,
    *,
    what: str = "share of rows with an action",
    about: str = "",
    title: str = "Posterior predictive check: observed against replicated, by group",
) -> Figure | None:
    """One panel a grouping: the observed mean of each group as a diamond, the interval of replicated data as a bar.

    Args:
        groupings: those without a group are left out; None if all are.
        observed: n numbers, NaN where nothing was observed.
        replicates: as many under each of s draws of the posterior.
        weight: of the rows.
        what: the means are of, with its unit.
        about: one more sentence of the note.
        title: of the figure.
    """
    shown = [grouping for grouping in groupings if grouping.labels]
    if not shown:
        return None
    found = [replicated_means(grouping, observed, replicates, weight) for grouping in shown]
    groups, outside = sum(len(g.labels) for g in shown), sum(one.outside for one in found)
    note = (
        f"bar and dot: mean and central 90 % interval of {len(replicates)} replicated data sets; {outside} of {groups} groups lie outside "
        "theirs (of a model that fits, one in ten or fewer)"
    )
    figure, axes = canvas(
        0.9 + sum(0.24 * len(g.labels) + 0.42 for g in shown),
        title,
        note + (f"; {about}" if about else ""),
        rows=len(shown), sharex=True, height_ratios=[len(g.labels) + 1.2 for g in shown],
    )  # fmt: skip
    for place, grouping, one in zip(axes[:, 0], shown, found, strict=True):
        _panel(place, grouping, one)
    ends = np.concatenate([np.concatenate([one.observed, one.low, one.high]) for one in found])
    axes[0, 0].set_xlim(*limits(ends, least=0.1))
    axes[-1, 0].set_xlabel(what)
    legend_above(axes[0, 0])
    return figure


def _panel(axes: Axes, grouping: Grouping, found: Replicated) -> None:
    y = np.arange(len(grouping.labels))[::-1]
    axes.hlines(y, found.low, found.high, color=BLUE, lw=5, alpha=0.45)
    axes.plot(found.mean, y, "o", color=BLUE, ms=4, label="replicated")
    axes.plot(found.observed, y, "D", color=ORANGE, ms=5.5, mfc="none", mew=1.6, label="observed")
    rows = grouping.counts()
    axes.set_yticks(y, [f"{short(label, 28)}  ({n:,})" for label, n in zip(grouping.labels, rows, strict=True)])
    axes.set_ylim(-0.7, len(y) - 0.3)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x")
    panel_title(axes, f"by {short(grouping.name, 50)} (rows)")
