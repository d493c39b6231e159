"""How the training of a guide went."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from probrm.figures.style import BLUE, MUTED, ORANGE, canvas, legend, limits, reference

_START = 0.1
"""Share of the looks whose values the vertical axis need not hold: a training starts far below where it ends."""


def training(history: Mapping[str, Any], unit: str = "row", *, chance: bool = False) -> Figure | None:
    """The bound by step and, where rows were held out, their log-likelihood; None without records (NUTS, Laplace).

    Args:
        history: ``records`` of ``step``, ``elbo`` and perhaps ``held_out``; ``stages``, the steps at which the learning rate fell.
        unit: of which both are means.
        chance: draws the log-likelihood of chance, log ½, too.
    """
    records: Sequence[Mapping[str, float]] = history.get("records") or ()
    if not records:
        return None
    watched = [record for record in records if record.get("held_out") is not None]
    stages = list(history.get("stages", ()))[1:]
    note = "; ".join(["nats: higher is better"] + (["dotted lines: the learning rate falls"] if stages else []))
    figure, grid = canvas(2.9, "Training: the evidence lower bound (ELBO) by step", note)
    axes: Axes = grid[0, 0]
    few = len(records) < 25
    drawn = [_line(axes, records, "elbo", f"ELBO a {unit}", BLUE, "-", "o" if few else "")]
    if watched:
        drawn.append(_line(axes, watched, "held_out", f"log-likelihood of a held-out {unit}", ORANGE, "--", "s" if few else ""))
    late = [values[int(_START * len(values)) :] for values in drawn]
    if chance:
        reference(axes, y=-np.log(2), label="chance")
        late.append(np.array([-np.log(2)]))
    for stage in stages:
        axes.axvline(stage, color=MUTED, lw=1, ls=":", zorder=0.5)
    axes.set_ylim(*limits(np.concatenate(late), least=0.02))
    axes.set_xlabel("step")
    axes.set_ylabel(f"nats a {unit}")
    axes.grid(axis="y")
    if watched or chance:
        legend(axes)
    return figure


def _line(axes: Axes, records: Sequence[Mapping[str, float]], name: str, label: str, colour: str, line: str, marker: str) -> np.ndarray:
    values = np.array([record[name] for record in records], float)
    axes.plot([record["step"] for record in records], values, line, color=colour, marker=marker, ms=4, label=label)
    return values
