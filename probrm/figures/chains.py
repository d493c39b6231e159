"""Whether chains agree: traces and rank histograms (Vehtari, Gelman, Simpson, Carpenter & Bürkner 2021, Bayesian Analysis 16)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure
from scipy import stats

from probrm.figures.style import GRID, ORANGE, SERIES, canvas, legend, panel_title, reference, short

_BINS = 20
_EACH = 10
"""Draws of a chain for each bin at least."""
_BAND = 0.99


def by_chain(draws: Float[np.ndarray, " s"], chains: int) -> tuple[Float[np.ndarray, "c d"], list[str]]:
    """Draws by chain, with their names; a single chain is split into halves, which have to agree as well."""
    parts, name = (chains, "chain {}") if chains > 1 else (2, "half {} of the chain")
    usable = len(draws) - len(draws) % parts
    return draws[:usable].reshape(parts, -1), [name.format(i + 1) for i in range(parts)]


def traces(
    quantities: Mapping[str, Float[np.ndarray, " s"]], chains: int, diverging: Float[np.ndarray, " s"] | None = None, *, most: int = 6
) -> Figure:
    """Draws in the order in which the sampler made them; divergent ones are marked at the bottom.

    Args:
        quantities: chain-major, by name; the first ``most`` are drawn.
        chains: how many.
        diverging: whether each draw's trajectory diverged.
        most: panels.
    """
    shown = dict(list(quantities.items())[:most])
    bad = 0 if diverging is None else int(np.sum(diverging))
    note = f"{chains} chain{'s' * (chains > 1)}; divergent transitions: {bad}" + ("; marked by ×" if bad else "")
    figure, axes = canvas(
        0.4 + 1.05 * len(shown), "Traces: chains should look like noise around one level", note, rows=len(shown), sharex=True
    )
    for place, (name, draws) in zip(axes[:, 0], shown.items(), strict=True):
        each = draws.reshape(chains, -1)
        for i, (one, (colour, _, _)) in enumerate(zip(each, _styles(chains), strict=True)):
            place.plot(np.arange(len(one)), one, color=colour, lw=0.6, alpha=0.8)
            if diverging is not None:
                at = np.flatnonzero(diverging.reshape(chains, -1)[i])
                place.plot(at, np.full(len(at), each.min()), "x", color=ORANGE, ms=5)
        place.set_ylabel(short(name, 22), rotation=0, ha="right", va="center")
    axes[-1, 0].set_xlabel("draw of the chain")
    return figure


def rank_plot(quantities: Mapping[str, Float[np.ndarray, " s"]], chains: int, *, most: int = 6) -> Figure:
    """Histograms of each chain's ranks among all draws: flat and alike where chains explore the same distribution.

    Ranks are fractional: ties get their average. A chain that stays above the others has more high ranks; one that mixes badly is uneven.

    Args:
        quantities: chain-major, by name; the first ``most`` are drawn.
        chains: how many; a single one is split into halves.
        most: panels.
    """
    shown = dict(list(quantities.items())[:most])
    each, names = by_chain(np.arange(len(next(iter(shown.values())))), chains)
    bins = int(np.clip(each.shape[1] // _EACH, 4, _BINS))
    edges = np.linspace(0, each.size, bins + 1)
    low, high = stats.binom.interval(_BAND, each.shape[1], 1 / bins)
    title = f"Ranks by {'chain' if chains > 1 else 'half of the chain'}: flat where all draw from one distribution"
    note = f"band: {_BAND:.0%} of counts if draws were independent; those of a chain are not, so bars leave it somewhat more often"
    columns = min(2, len(shown))
    figure, axes = canvas(
        0.5 + 1.35 * -(-len(shown) // columns), title, note, rows=-(-len(shown) // columns), columns=columns, sharey=True, sharex=True
    )
    for place in axes.flat[len(shown) :]:
        place.set_axis_off()
    for place, (name, draws) in zip(axes.flat, shown.items(), strict=False):
        ranks = fractional_ranks(by_chain(draws, chains)[0])
        place.axhspan(low, high, color=GRID, alpha=0.6, lw=0)
        reference(place, y=each.shape[1] / bins)
        for label, one, (colour, line, _) in zip(names, ranks, _styles(len(names)), strict=True):
            place.stairs(np.histogram(one, edges)[0], edges, baseline=None, color=colour, ls=line, lw=1.4, label=label)
        place.set_ylim(bottom=0)
        panel_title(place, short(name, 44))
    for place in axes[-1]:
        place.set_xlabel("rank among all draws")
    for place in axes[:, 0]:
        place.set_ylabel("draws")
    top = axes.flat[0]
    top.set_ylim(top=1.5 * top.get_ylim()[1])  # room for the legend
    legend(top, loc="upper left", ncols=2)
    return figure


def fractional_ranks(draws: Float[np.ndarray, "c d"]) -> Float[np.ndarray, "c d"]:
    """Ranks among all draws of all chains, in the middle of their cell: ``½, 1½, …, cd − ½``; ties get their average."""
    return (stats.rankdata(draws, method="average") - 0.5).reshape(draws.shape)


def _styles(count: int) -> list[tuple[str, object, str]]:
    return [SERIES[i % len(SERIES)] for i in range(count)]
