"""The figure: NLL and AUROC by the number of labels, one panel a mechanism."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np

from benchmarks.implicit.summary import INFORMED
from benchmarks.implicit.tables import SHOWN, View

mpl.use("agg")
import matplotlib.pyplot as plt

# Okabe & Ito's colours; lines differ in their markers too.
STYLES = {
    "implicit": ("#D55E00", "s", "-"),
    "known-propensity": ("#009E73", "^", "--"),
    "oracle": ("#000000", "", ":"),
    "naive-bayes": ("#0072B2", "o", "-"),
    "base-rate": ("#CC79A7", "x", "-"),
}
_GREY = "#BBBBBB"
_PLAIN: Any = {"font.size": 9, "axes.spines.top": False, "axes.spines.right": False}


def draw(view: View, path: Path) -> None:
    """Writes the figure; means over the data sets, bars of one standard error."""
    metrics = ("nll", "auroc")
    with mpl.rc_context(_PLAIN):
        shape = (len(metrics), len(view.mechanisms))
        figure, axes = plt.subplots(*shape, figsize=(2.5 * shape[1] + 0.6, 4.6), squeeze=False, sharex=True, sharey="row")
        for row, metric in enumerate(metrics):
            for axis, mechanism in zip(axes[row], view.mechanisms, strict=True):
                _panel(axis, view, mechanism, metric)
                axis.set_title(mechanism if row == 0 else "")
            axes[row][0].set_ylabel(SHOWN[metric])
        for axis in axes[-1]:
            axis.set_xlabel("explicit labels")
        handles = dict(zip(*reversed(axes[0][0].get_legend_handles_labels()), strict=True))
        figure.legend(handles.values(), handles.keys(), loc="upper center", bbox_to_anchor=(0.5, 0.02), ncol=6, frameon=False)
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=150, bbox_inches="tight", facecolor="white")
        plt.close(figure)


def _panel(axis: Any, view: View, mechanism: str, metric: str) -> None:
    places = np.arange(len(view.anchors))
    for method in sorted(view.methods, key=lambda name: name in STYLES):  # what matters lies on top
        means = [view.mean(None, mechanism, count, method, metric) for count in view.anchors]
        if not any(np.isfinite(one.value) for one in means):
            continue
        colour, marker, line = STYLES.get(method, (_GREY, "", "-"))
        label = method if method in STYLES else "other baselines"
        style: Any = {"color": colour, "linestyle": line, "marker": marker, "markersize": 4, "label": label}
        style |= {"linewidth": 1.6 if method in STYLES else 0.8, "mfc": "white" if method in INFORMED else colour}
        values = [one.value for one in means]
        if method in STYLES:
            axis.errorbar(places, values, yerr=[0 if np.isnan(one.error) else one.error for one in means], **style)
        else:
            axis.plot(places, values, **style)
    axis.set_xticks(places, [str(count) for count in view.anchors])
    if metric == "nll":
        axis.set_ylim(top=1.3)  # some baselines lie far above
