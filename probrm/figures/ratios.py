"""Importance ratios of posterior to guide, and their Pareto tail (Vehtari, Simpson, Gelman, Yao & Gabry 2024, JMLR 25)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy import stats

from probrm.figures.style import BLUE, ORANGE, annotate, canvas, legend, reference

GOOD = 0.7
"""Shape up to which estimates by importance sampling are practical."""


def tail_length(count: int) -> int:
    """Ratios that the Pareto distribution is fitted to: ``min(s / 5, 3 √s)``."""
    return int(min(count / 5, 3 * count**0.5))


def importance_ratios(
    log_density: Float[np.ndarray, " s"], log_guide: Float[np.ndarray, " s"], found: Mapping[str, Any] | None = None
) -> Figure | None:
    """The largest ratios by rank, both on logarithmic axes: the tail of a Pareto distribution is a line there, of slope −k.

    Args:
        log_density: ``log p(data, z)`` at the guide's draws.
        log_guide: ``log q(z)`` at the same draws.
        found: ``k_hat``, ``threshold`` and ``verdict`` as ``probrm.diagnostics.approximation`` gives them; they are written beside the
            curve, which is fitted here by maximum likelihood.

    Returns:
        The figure; None for fewer than 25 draws, whose tail is no tail.
    """
    log_ratio = np.asarray(log_density, float) - np.asarray(log_guide, float)
    log_ratio = log_ratio[np.isfinite(log_ratio)]
    count = len(log_ratio)
    if count < 25:
        return None
    normalised = np.sort(log_ratio - np.logaddexp.reduce(log_ratio) + np.log(count))[::-1]  # mean ratio 1
    tail, rank = tail_length(count), np.arange(1, count + 1) / count
    cut = normalised[tail]
    ratios = np.exp(normalised[:tail]) - np.exp(cut)
    fitted: float | None = None
    if np.ptp(ratios) > 1e-12:
        fitted, _, scale = stats.genpareto.fit(ratios / ratios.mean(), floc=0)
        scale *= ratios.mean()
    shape, limit = (found or {}).get("k_hat", fitted), (found or {}).get("threshold") or GOOD
    verdict = (
        "no tail to see"
        if shape is None
        else rf"$\hat{{k}}$ = {shape:.2f}" + (f": {found['verdict']}" if found and "verdict" in found else "")
    )
    effective = float(np.exp(-np.logaddexp.reduce(2 * (normalised - np.log(count)))))
    figure, grid = canvas(
        3.0, "Importance ratios of the posterior to the guide: the heavier the tail, the worse the intervals",
        f"{count} draws of the guide, their effective number under the posterior {effective:.0f}; the tail are the {tail} largest; "
        f"estimates from them are reliable up to a Pareto k of {limit:.2g}",
    )  # fmt: skip
    axes: Axes = grid[0, 0]
    axes.loglog(rank[tail:], np.exp(np.maximum(normalised[tail:], normalised[0] - 30)), ".", color=BLUE, ms=4, label="ratios")
    axes.loglog(rank[:tail], np.exp(normalised[:tail]), "D", color=BLUE, ms=4, mfc="none", label="tail")
    if fitted is not None:
        line = np.exp(cut) + stats.genpareto.isf((rank[:tail] - 0.5 / count) / (tail / count), fitted, 0, scale)
        axes.loglog(rank[:tail], line, "--", color=ORANGE, lw=1.6, label="generalised Pareto distribution")
    reference(axes, y=1.0)
    annotate(axes, 0.98, 0.97, verdict, ha="right", fontsize=10)
    axes.set_xlabel("share of draws with a larger ratio")
    axes.set_ylabel("ratio, mean 1")
    axes.grid()
    legend(axes, loc="lower left")
    return figure
