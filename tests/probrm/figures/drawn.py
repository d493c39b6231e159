"""What a figure shows, read off its artists."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from probrm.figures import style

ALLOWED = {getattr(style, name).lower() for name in ("INK", "MUTED", "GRID", "BLUE", "ORANGE", "GREEN", "PURPLE", "SKY", "AMBER")}


def points(axes: Axes, line: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates of a line or its markers."""
    x, y = axes.lines[line].get_data()
    return np.asarray(x, float), np.asarray(y, float)


def segments(axes: Axes, collection: int = 0) -> np.ndarray:
    """Ends of bars drawn by hlines or vlines, ``(n, 2, 2)``."""
    found: Any = axes.collections[collection]
    return np.array(found.get_segments())


def names(axes: Axes) -> list[str]:
    """Labels of the vertical axis."""
    return [label.get_text() for label in axes.get_yticklabels()]


def texts(figure: Figure) -> str:
    """Title, note, and titles of the panels."""
    return "\n".join(
        [figure.get_suptitle(), figure.get_supxlabel(), *(axes.get_title(loc="left") for axes in figure.axes)]  # type: ignore[call-overload]
    )


def check_look(figure: Figure) -> None:
    """It can be drawn, every axis that is seen says what it shows, nothing is clipped, and no colour is another than the style's."""
    figure.savefig(BytesIO(), format="png", dpi=figure.dpi)
    assert figure.get_suptitle()
    width, height = figure.get_size_inches() * figure.dpi
    renderer: Any = FigureCanvasAgg(figure).get_renderer()
    for artist in figure.findobj():
        kind = type(artist).__name__
        if kind == "Text" and artist.get_visible() and str(artist.get_text()).strip():  # type: ignore[attr-defined]
            if getattr(artist, "axes", None) is not None and not artist.axes.axison:  # type: ignore[union-attr]
                continue
            assert to_hex(artist.get_color()) in ALLOWED, (artist, to_hex(artist.get_color()))  # type: ignore[attr-defined]
            box: Any = artist.get_window_extent(renderer)
            inside = box.x0 >= -1 and box.x1 <= width + 1 and box.y0 >= -1 and box.y1 <= height + 1
            in_ticks = any(artist in axis.get_ticklabels(which="both") for axes in figure.axes for axis in (axes.xaxis, axes.yaxis))
            assert inside or in_ticks, (str(artist), box)
        if kind == "Line2D" and artist.get_visible():
            assert to_hex(artist.get_color()) in ALLOWED or artist.get_linestyle() == "None", artist  # type: ignore[attr-defined]
    patch: Any = figure.patch
    assert patch.get_facecolor()[3] == 0  # transparent
