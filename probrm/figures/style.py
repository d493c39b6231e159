"""One look for all figures: colours distinguished by the colour-blind and in grey, no background, 700 pixels wide.

Figures are made without pyplot, so nothing global changes: every artist is told its colour and size. Only the colours named here are
used, so that a page may replace them by its own (light and dark).
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from io import BytesIO
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

INK, MUTED, GRID = "#1A1A1A", "#6B6B6B", "#D0D0D0"
"""Of text, of what is beside the point, and of lines behind everything."""
BLUE, ORANGE, GREEN, PURPLE, SKY, AMBER = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00"
"""Okabe & Ito's (2008); what is distinguished by them differs in its marker or line as well."""
SERIES = ((BLUE, "-", "o"), (ORANGE, "--", "s"), (GREEN, "-.", "^"), (PURPLE, ":", "D"), (AMBER, (0, (5, 1, 1, 1)), "v"), (SKY, "-", "P"))
"""Colour, line and marker of the first, second, … thing drawn."""

WIDTH = 7.0
"""Inches: 700 pixels on a screen."""
_TITLE, _TEXT, _SMALL = 11, 9, 8.5
_WRAP_TITLE, _WRAP_NOTE, _LABEL = 80, 112, 34


def canvas(height: float, title: str, note: str = "", *, rows: int = 1, columns: int = 1, **grid: Any) -> tuple[Figure, np.ndarray]:
    """A figure with its title above, a note below, and styled axes.

    Args:
        height: in inches, without title and note.
        title: what one sees.
        note: how to read it: which interval, which rows.
        rows: of axes.
        columns: of axes.
        grid: for ``Figure.subplots``: ``sharex``, ``height_ratios``, …

    Returns:
        The figure and its axes, ``(rows, columns)``.
    """
    above, below = textwrap.wrap(title, _WRAP_TITLE), textwrap.wrap(note, _WRAP_NOTE)
    figure = Figure(figsize=(WIDTH, height + 0.21 * len(above) + 0.16 * len(below) + 0.12), layout="constrained", facecolor="none")
    figure.get_layout_engine().set(h_pad=0.06, w_pad=0.06)  # type: ignore[union-attr, call-arg]
    figure.suptitle("\n".join(above), fontsize=_TITLE, fontweight="bold", color=INK, x=0.012, ha="left")
    if below:
        figure.supxlabel("\n".join(below), fontsize=_SMALL, color=MUTED, x=0.012, ha="left", multialignment="left")
    axes = figure.subplots(rows, columns, squeeze=False, **grid)
    for one in axes.flat:
        plain(one)
    return figure, axes


def plain(axes: Axes) -> None:
    """The look of axes: no box, quiet ticks, no background."""
    axes.set_facecolor("none")
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(MUTED)
    axes.tick_params(which="both", color=MUTED, labelcolor=INK, labelsize=_TEXT, grid_color=GRID, grid_linewidth=0.6)
    for axis in (axes.xaxis, axes.yaxis):
        axis.label.set(color=INK, fontsize=_TEXT)
        axis.get_offset_text().set(color=INK, fontsize=_SMALL)


def panel_title(axes: Axes, text: str) -> None:
    """The title of one of several axes."""
    axes.set_title(text, loc="left", fontsize=_TEXT, color=INK)


def legend(axes: Axes, **where: Any) -> None:
    """The legend, without a box."""
    look: Any = {"loc": "best", "frameon": False, "fontsize": _SMALL, "labelcolor": INK} | where
    axes.legend(**look)


def legend_above(axes: Axes) -> None:
    """The legend right above the axes, beside their title."""
    legend(axes, loc="lower right", bbox_to_anchor=(1.0, 1.0), borderaxespad=0.1, ncols=4)


def annotate(axes: Axes, x: float, y: float, text: str, **how: Any) -> None:
    """Text inside the axes, in their own fractions of width and height."""
    axes.text(x, y, text, transform=axes.transAxes, **({"color": INK, "fontsize": _SMALL, "va": "top", "ha": "left"} | how))


def reference(axes: Axes, *, x: float | None = None, y: float | None = None, **how: Any) -> None:
    """A quiet line at a value to compare with."""
    look: dict[str, Any] = {"color": MUTED, "lw": 1, "ls": (0, (4, 2)), "zorder": 0.5} | how
    if x is not None:
        axes.axvline(x, **look)
    if y is not None:
        axes.axhline(y, **look)


def short(label: object, most: int = _LABEL) -> str:
    """A label that fits beside the axes: its middle is left out, for names differ at both ends. ``$`` starts no formula."""
    text = " ".join(str(label).split())
    text = text if len(text) <= most else f"{text[: most - most // 3 - 1]}…{text[-(most // 3) :]}"
    return text.replace("$", r"\$")


def spread_out(count: int, most: int) -> np.ndarray:
    """Positions of at most ``most`` of ``count`` entries: both ends, and evenly spaced between them."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(int)) if count else np.zeros(0, int)


def limits(values: Sequence[float] | np.ndarray, *, least: float = 0.0, margin: float = 0.06) -> tuple[float, float]:
    """Ends of an axis that holds all finite values, at least ``least`` wide."""
    finite = np.asarray(values, float).ravel()
    finite = finite[np.isfinite(finite)]
    if not len(finite):
        return 0.0, 1.0
    low, high = float(finite.min()), float(finite.max())
    pad = max((high - low) * margin, (least - (high - low)) / 2, 1e-9 + 1e-6 * abs(low))
    return low - pad, high + pad


def save_png(figure: Figure, *, dpi: int = 150) -> bytes:
    """The figure as a PNG on white: a transparent one would be unreadable in a dark viewer."""
    picture = BytesIO()
    figure.savefig(picture, format="png", dpi=dpi, facecolor="white")
    return picture.getvalue()
