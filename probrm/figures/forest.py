"""Means and intervals by name, and of many entries in their order."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from probrm.figures.entries import Entries, interval_note
from probrm.figures.style import BLUE, canvas, panel_title, reference, short, spread_out

MOST = 60
"""Entries of one figure."""


def forest(
    variables: Mapping[str, Entries] | Entries, title: str, unit: str, *, order: bool = False, zero: float | None = 0.0, most: int = MOST
) -> Figure:
    """Intervals by name, the first on top; one block a variable.

    Of more than ``most`` entries the ends and evenly spaced ones between them are drawn.

    Args:
        variables: one, or several by title.
        title: of the figure.
        unit: of the horizontal axis.
        order: by mean, the largest on top.
        zero: where the line to compare with stands; None draws none.
        most: entries in all.
    """
    blocks = {"": variables} if isinstance(variables, Entries) else {name: one for name, one in variables.items() if len(one)}
    shown: dict[str, Entries] = {}
    for name, one in blocks.items():
        by_mean = order or len(one) > most // len(blocks)
        sequence = np.argsort(-one.mean, kind="stable") if by_mean else np.arange(len(one))
        shown[name] = one.take(sequence[spread_out(len(one), max(2, most // len(blocks)))])
    left_out = sum(map(len, blocks.values())) - sum(map(len, shown.values()))
    note = interval_note(*blocks.values()) + (f"; {left_out} entries between those shown are left out" if left_out else "")
    ratios = [len(one) + 1.2 for one in shown.values()]
    height = 0.5 + sum(0.23 * len(one) + 0.35 for one in shown.values())
    figure, axes = canvas(height, title, note, rows=len(shown), sharex=True, height_ratios=ratios)
    for place, (name, one) in zip(axes[:, 0], shown.items(), strict=True):
        _block(place, one, zero)
        if name:
            panel_title(place, short(name, 70))
    axes[-1, 0].set_xlabel(unit)
    return figure


def _block(axes: Axes, entries: Entries, zero: float | None) -> None:
    y = np.arange(len(entries))[::-1]
    axes.hlines(y, entries.low, entries.high, color=BLUE, lw=2)
    axes.plot(entries.mean, y, "o", color=BLUE, ms=5)
    if zero is not None:
        reference(axes, x=zero)
    axes.set_yticks(y, [short(name) for name in entries.names])
    axes.set_ylim(-0.7, len(entries) - 0.3)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x")


def caterpillar(entries: Entries, title: str, unit: str, what: str, *, zero: float | None = 0.0, most: int = MOST) -> Figure:
    """Entries from the least to the greatest, without their names: of users, say, of whom there are many.

    Args:
        entries: all of them.
        title: of the figure.
        unit: of the vertical axis.
        what: is counted along the horizontal axis: ``users by activity``.
        zero: where the line to compare with stands; None draws none.
        most: that are drawn: both ends, and evenly spaced between them.
    """
    shown = entries.take(np.argsort(entries.mean, kind="stable")[spread_out(len(entries), most)])
    clear = int(np.sum((entries.low > (zero or 0)) | (entries.high < (zero or 0)))) if not entries.points else 0
    told = f"; {clear} of {len(entries)} intervals leave out {zero:g}" if zero is not None and not entries.points else ""
    figure, axes = canvas(2.9, title, interval_note(entries) + told)
    x = np.arange(len(shown))
    place: Axes = axes[0, 0]
    place.vlines(x, shown.low, shown.high, color=BLUE, lw=1.4)
    place.plot(x, shown.mean, "o", color=BLUE, ms=4)
    if zero is not None:
        reference(place, y=zero)
    place.set_xticks([])
    place.set_xlabel(f"{what} ({len(shown)} of {len(entries)})")
    place.set_ylabel(unit)
    place.grid(axis="y")
    return figure
