"""Reliability of predicted probabilities (Murphy & Winkler 1977), with intervals and the histogram of predictions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy import stats

from probrm.evaluation import expected_calibration_error
from probrm.figures.style import BLUE, MUTED, SERIES, annotate, canvas, panel_title
from probrm.posterior.rewards import LEVEL

_BINS = 10
_LEAST = 20
"""Rows of a bin at least, as far as there are so many."""


@dataclass(frozen=True)
class Reliability:
    """Bins of about equal mass; equal predictions lie in one bin.

    Attributes:
        predicted: weighted mean prediction of each bin, ``(b,)``.
        observed: weighted share of ones.
        low: lower end of the share's central 90 % interval.
        high: upper end.
        rows: of each bin.
        error: expected calibration error, see ``probrm.evaluation.calibration``.
    """

    predicted: Float[np.ndarray, " b"]
    observed: Float[np.ndarray, " b"]
    low: Float[np.ndarray, " b"]
    high: Float[np.ndarray, " b"]
    rows: Float[np.ndarray, " b"]
    error: float


def reliability(
    probability: Float[np.ndarray, " n"], observed: Float[np.ndarray, " n"], weight: Float[np.ndarray, " n"] | None = None
) -> Reliability:
    """Observed shares by predicted probability.

    Intervals are Jeffreys' (Brown, Cai & DasGupta 2001) at the effective number of rows ``(Σw)² / Σw²``, rows taken as independent.

    Args:
        probability: predictions; at least one row.
        observed: 0 or 1.
        weight: of the rows.
    """
    weight = np.ones(len(observed)) if weight is None else np.asarray(weight, float)
    probability, observed = np.clip(np.asarray(probability, float), 0, 1), np.asarray(observed, float)
    bins = int(np.clip(len(observed) // _LEAST, 1, _BINS))
    edges = np.unique(np.quantile(probability, np.linspace(0, 1, bins + 1)))
    index = np.clip(np.searchsorted(edges, probability, side="right") - 1, 0, max(len(edges) - 2, 0))
    index = np.unique(index, return_inverse=True)[1]
    mass, square = np.bincount(index, weight), np.bincount(index, weight**2)
    share = np.bincount(index, weight * observed) / mass
    effective = mass**2 / square
    posterior = stats.beta(share * effective + 0.5, (1 - share) * effective + 0.5)
    low, high = np.asarray(posterior.ppf((1 - LEVEL) / 2)), np.asarray(posterior.ppf((1 + LEVEL) / 2))
    return Reliability(
        predicted=np.bincount(index, weight * probability) / mass,
        observed=share,
        low=np.where(share == 0, 0.0, low),
        high=np.where(share == 1, 1.0, high),
        rows=np.bincount(index),
        error=expected_calibration_error(observed, probability, weight),
    )


def calibration(
    panels: Mapping[str, tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"], Float[np.ndarray, " n"]]],
    *,
    predicted: str = "predicted probability of an action",
    observed: str = "observed share",
    about: str = "",
    start: float = 0.0,
) -> Figure | None:
    """Reliability beside each other, the histograms of the predictions below; None without rows.

    Args:
        panels: probabilities, what was observed (NaN: nothing) and weights, by title.
        predicted: what the probabilities are of.
        observed: what the shares are of.
        about: one more sentence of the note.
        start: the least probability there can be.
    """
    kept = {name: (p[~np.isnan(y)], y[~np.isnan(y)], w[~np.isnan(y)]) for name, (p, y, w) in panels.items()}
    kept = {name: one for name, one in kept.items() if len(one[1])}
    if not kept:
        return None
    note = (
        "bars: central 90 % intervals of the share, rows taken as independent; ECE: expected calibration error; dashed: perfect calibration"
    )
    figure, axes = canvas(
        3.6, "Calibration: does what is predicted happen as often?", note + (f"; {about}" if about else ""),
        rows=2, columns=len(kept), sharex=True, sharey="row", height_ratios=[3.4, 1],
    )  # fmt: skip
    for (upper, lower), (name, (p, y, w)), (colour, _, marker) in zip(axes.T, kept.items(), SERIES, strict=False):
        found = reliability(p, y, w)
        upper.plot([start, 1], [start, 1], color=MUTED, ls=(0, (4, 2)), lw=1)
        upper.vlines(found.predicted, found.low, found.high, color=colour, lw=2)
        upper.plot(found.predicted, found.observed, marker, color=colour, ms=6, clip_on=False)
        annotate(upper, 0.03, 0.98, f"ECE = {found.error:.3f}")
        panel_title(upper, f"{name} ({len(y):,})")
        upper.grid()
        _histogram(lower, p, start)
        lower.set_xlabel(predicted if len(kept) < 3 else "predicted")
    axes[0, 0].set_ylabel(observed)
    axes[1, 0].set_ylabel("rows")
    axes[0, 0].set_xlim(start - 0.02, 1.02)
    axes[0, 0].set_ylim(-0.02, 1.02)
    return figure


def _histogram(axes: Axes, probability: np.ndarray, start: float) -> None:
    axes.stairs(*np.histogram(probability, 40, (start, 1.0)), fill=True, color=BLUE, alpha=0.5, lw=0)
