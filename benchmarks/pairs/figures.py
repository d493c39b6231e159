"""The figure: what VRM is ahead of Bradley–Terry, by set."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl

from benchmarks.pairs.data import SETS
from benchmarks.pairs.tables import Results, changes

mpl.use("svg")
import matplotlib.pyplot as plt

BASES = {"bt": ("Bradley–Terry, deterministic", "#0072B2", "o"), "bt-bayes": ("Bradley–Terry, Bayesian", "#D55E00", "s")}
"""Okabe & Ito's colours; points differ in their markers too."""
_PLAIN: Any = {"svg.fonttype": "none", "svg.hashsalt": "probrm", "font.size": 9, "axes.spines.top": False, "axes.spines.right": False}


def draw(results: Results, path: Path, text: str) -> None:
    """Differences of accuracy and of NLL with 90 % intervals over prompts, one row a set."""
    with mpl.rc_context(_PLAIN):
        figure, axes = plt.subplots(1, 2, figsize=(7.2, 2.6), sharey=True)
        for axis, name in zip(axes, ("accuracy", "nll"), strict=True):
            axis.axvline(0, color="#999999", linewidth=0.8)
            for i, (base, (title, colour, marker)) in enumerate(BASES.items()):
                for row, data in enumerate(SETS):
                    for _, _, found in changes(results, data, "vrm", base, text):
                        change, y = found[name], row + 0.2 * (i - 0.5)
                        axis.plot([change.low, change.high], [y, y], color=colour, linewidth=1.5)
                        axis.plot(change.value, y, marker, color=colour, markersize=5, label=title if row == 0 else None)
        axes[0].set(yticks=range(len(SETS)), yticklabels=list(SETS), xlabel="accuracy: VRM less Bradley–Terry")
        axes[1].set(xlabel="NLL, nats: VRM less Bradley–Terry (left is better)")
        axes[0].invert_yaxis()
        figure.legend(*axes[0].get_legend_handles_labels(), loc="upper center", bbox_to_anchor=(0.5, 0.02), ncol=2, frameon=False)
        figure.tight_layout()
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, metadata={"Date": None}, bbox_inches="tight", facecolor="white")
        plt.close(figure)
