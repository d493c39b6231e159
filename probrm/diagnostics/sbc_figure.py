"""Rank histograms of simulation-based calibration."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy import stats

from probrm.diagnostics.sbc import Ranks, Uniformity, bin_counts, uniformity

_BLUE, _ORANGE, _GREY = "#0072B2", "#D55E00", "#999999"  # Okabe–Ito: distinguished by the colour-blind
_BAND = 0.99
_ALPHA = 0.01


def sbc_figure(ranks: Ranks | Mapping[str, Ranks], *, bins: int = 10, alpha: float = _ALPHA) -> Figure:
    """One histogram a quantity (columns) and way of inference (rows), with the central 99 % band of each bin under calibration.

    A hump in the middle is a posterior that is too wide, a bowl one that is too narrow, a slope one that is displaced. Histograms of
    quantities whose ranks are not uniform (both tests, Bonferroni within a row, level ``alpha``) are orange and hatched.
    One bin in a hundred leaves the band by chance.

    Args:
        ranks: of one way of inference, or of several by name.
        bins: of each histogram.
        alpha: level of the verdict.
    """
    rows = {"": ranks} if isinstance(ranks, Ranks) else dict(ranks)
    names = list(dict.fromkeys(name for row in rows.values() for name in row.values))
    figure = Figure(figsize=(1.5 * len(names) + 0.8, 1.5 * len(rows) + 0.6), layout="constrained")
    grid = figure.subplots(len(rows), len(names), squeeze=False)
    for line, (title, row) in zip(grid, rows.items(), strict=True):
        for axes, name in zip(line, names, strict=True):
            axes.set_xticks([])
            axes.tick_params(labelsize=6)
            if name in row.values:
                _histogram(axes, row.values[name], row.most, bins, alpha / len(row.values))
            else:
                axes.set_axis_off()
        line[0].set_ylabel(title, fontsize=8)
    for axes, name in zip(grid[0], names, strict=True):
        axes.set_title(name.replace("_", " "), fontsize=7)
    figure.supxlabel(f"rank of the truth among posterior draws; band: {_BAND:.0%} of counts under calibration", fontsize=8)
    return figure


def _histogram(axes: Axes, ranks: np.ndarray, most: int, bins: int, level: float) -> None:
    counts, expected = bin_counts(ranks, most, bins=min(bins, most + 1))
    found: Uniformity = uniformity(ranks, most)
    wrong = found.p < level
    at = np.arange(len(counts))
    low, high = stats.binom.interval(_BAND, len(ranks), expected / len(ranks))
    axes.fill_between(
        np.append(at, len(at)) - 0.5, np.append(low, low[-1]), np.append(high, high[-1]), step="post", color=_GREY, alpha=0.5, lw=0
    )
    axes.bar(at, counts, width=0.8, color=_ORANGE if wrong else _BLUE, hatch="////" if wrong else None, edgecolor="white", lw=0)
    axes.set_xlim(-0.5, len(counts) - 0.5)
    axes.set_ylim(0, 1.25 * max(counts.max(), high.max()))
    axes.text(0.97, 0.97, f"p = {found.p:.2g}", transform=axes.transAxes, ha="right", va="top", fontsize=6)
