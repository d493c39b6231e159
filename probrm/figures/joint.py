"""Which quantities the data hardly separate: those with the strongest correlation in the posterior, two by two."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Bool, Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy import stats

from probrm.figures.style import BLUE, INK, MUTED, ORANGE, SKY, canvas, limits, short

_POINTS = 600


def most_correlated(
    quantities: Mapping[str, Float[np.ndarray, " s"]], most: int = 3, first: Sequence[str] = ()
) -> tuple[list[str], Float[np.ndarray, "k k"]]:
    """Names of those with the strongest Spearman correlations, and the correlations among them.

    It begins with the strongest pair (or with ``first``) and adds what is most correlated with any of those taken.

    Args:
        quantities: draws by name; constant ones are passed over.
        most: names in all.
        first: that are taken in any case, where they vary.
    """
    names = [name for name, draws in quantities.items() if len(draws) > 2 and np.ptp(draws) > 0]
    if len(names) < 2:
        return names, np.eye(len(names))
    ranks = np.stack([stats.rankdata(quantities[name]) for name in names])
    correlation = np.corrcoef(ranks)
    strength = np.abs(correlation) - np.eye(len(names))
    taken = [names.index(name) for name in first if name in names]
    if not taken:
        taken = sorted(int(i) for i in np.unravel_index(strength.argmax(), strength.shape))
    while len(taken) < min(most, len(names)):
        rest = [i for i in range(len(names)) if i not in taken]
        taken.append(max(rest, key=lambda i: strength[i, taken].max()))
    return [names[i] for i in taken], correlation[np.ix_(taken, taken)]


def joint(
    quantities: Mapping[str, Float[np.ndarray, " s"]],
    diverging: Bool[np.ndarray, " s"] | None = None,
    *,
    most: int = 3,
    first: Sequence[str] = (),
    title: str = "Strongest correlations of the posterior: what the data separate least",
) -> Figure | None:
    """Scatter of posterior draws, two by two, with Spearman's correlations; None where there are not two that vary.

    Args:
        quantities: draws by name.
        diverging: draws whose trajectory diverged (NUTS).
        most: quantities.
        first: that are shown in any case.
        title: of the figure.
    """
    names, correlation = most_correlated(quantities, most, first)
    if len(names) < 2:
        return None
    k = len(names)
    bad = np.zeros(len(quantities[names[0]]), bool) if diverging is None else np.asarray(diverging, bool)
    note = f"{min(_POINTS, len(bad))} posterior draws; numbers: Spearman's correlation ρ"
    if diverging is not None:
        note += f"; divergent transitions: {int(bad.sum())}" + (" (×)" if bad.any() else "")
    if k == 2:
        figure, axes = canvas(3.8, title, note)
        _scatter(axes[0, 0], quantities[names[0]], quantities[names[1]], bad)
        axes[0, 0].set(xlabel=short(names[0], 60), ylabel=short(names[1], 40))
        axes[0, 0].set_title(f"ρ = {correlation[0, 1]:.2f}", loc="left", fontsize=9, color=INK)
        return figure
    figure, axes = canvas(1.75 * k, title, note, rows=k, columns=k, sharex="col")
    for i, row in enumerate(names):
        for j, column in enumerate(names):
            _cell(axes[i, j], quantities, (i, row), (j, column), correlation, bad)
        if i:
            axes[i, 0].set_ylabel(short(row, 22))
        axes[-1, i].set_xlabel(short(row, 26))
    return figure


def _cell(
    axes: Axes,
    quantities: Mapping[str, np.ndarray],
    row: tuple[int, str],
    column: tuple[int, str],
    correlation: np.ndarray,
    bad: np.ndarray,
) -> None:
    (i, y), (j, x) = row, column
    if i < j:
        axes.set_axis_off()
        axes.text(
            0.5, 0.5, f"ρ = {correlation[i, j]:.2f}", transform=axes.transAxes, ha="center", va="center", color=INK,
            fontsize=9 + 5 * abs(float(correlation[i, j])),
        )  # fmt: skip
        return
    if i == j:
        axes.stairs(*np.histogram(quantities[x], 30), fill=True, color=SKY, lw=0)
        axes.set_yticks([])
        axes.spines["left"].set_visible(False)
        return
    _scatter(axes, quantities[x], quantities[y], bad)
    if j:
        axes.tick_params(labelleft=False)


def _scatter(axes: Axes, x: np.ndarray, y: np.ndarray, bad: np.ndarray) -> None:
    fine = np.flatnonzero(~bad)
    fine = fine[np.unique(np.linspace(0, max(len(fine) - 1, 0), _POINTS).astype(int))] if len(fine) else fine
    axes.plot(x[fine], y[fine], ".", color=BLUE, ms=4, alpha=0.35, mew=0)
    axes.plot(x[bad], y[bad], "x", color=ORANGE, ms=6)
    axes.set_xlim(*limits(x))
    axes.set_ylim(*limits(y))
    axes.tick_params(labelsize=8, color=MUTED)
