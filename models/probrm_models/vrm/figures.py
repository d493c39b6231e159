"""What prompts weigh, and what each objective contributes to the preferences."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from probrm.figures.entries import Entries
from probrm.figures.style import BLUE, INK, ORANGE, SKY, canvas, legend, panel_title, reference, short
from probrm.recipes.row_figures import Shown
from probrm.runs.run import Run
from probrm_models.vrm.model import VRMModel

if TYPE_CHECKING:
    from probrm.runs.fitted_rows import FittedRows

_MOST = 8
"""Objectives with panels of their own: those whose weights vary most."""


@torch.no_grad()
def objective_figures(run: Run, model: VRMModel, rows: FittedRows) -> dict[str, Figure]:
    """Weights of the prompts, and the objectives' contributions, by file stem."""
    shown = Shown.of(run, rows)
    distinct, place = torch.unique(shown.batch["prompt"], dim=0, return_inverse=True)
    mean = model.weights.mean(distinct)
    names = model.shape.objectives
    made = {"objective_weights": objective_weights(names, mean.double().numpy())}
    if model.trunk is None:
        made["contributions"] = contributions(names, pair_contributions(model, shown, mean[place]))
    return made


def pair_contributions(model: VRMModel, shown: Shown, weights: torch.Tensor) -> Float[np.ndarray, "n k"]:
    """``E[w_k] · E[s_k − s'_k]`` of each pair: what objective k adds to the difference of the rewards, a logit."""
    objectives = model.objectives(shown.draws).mean(0)
    sides = [
        model.inputs(shown.batch[side]) if model.features is None else model.features(shown.batch[side]).mean
        for side in ("chosen", "rejected")
    ]
    return (weights * ((sides[0] - sides[1]) @ objectives.T)).double().numpy()


def objective_weights(names: tuple[str, ...], weights: Float[np.ndarray, "p k"]) -> Figure:
    """Histograms of the prompts' expected weights, one objective a panel, those that vary most first.

    Args:
        names: of the objectives.
        weights: expected weights of p prompts; rows sum to one.
    """
    order = np.argsort(-weights.std(0), kind="stable")[:_MOST]
    order = np.sort(order) if len(names) <= _MOST else order
    figure, axes = canvas(
        0.5 + 0.85 * len(order), "What prompts ask for: expected weights of the objectives across prompts",
        f"{len(weights):,} prompts; ◆: mean across prompts; bar: 5 % to 95 % of prompts; dashed: equal weights (1/{len(names)})"
        + (f"; the {len(order)} of {len(names)} objectives that vary most" if len(order) < len(names) else ""),
        rows=len(order), sharex=True, sharey=True,
    )  # fmt: skip
    for place, k in zip(axes[:, 0], order, strict=True):
        counts, edges = np.histogram(weights[:, k], 40, (0, 1))
        share = counts / len(weights)
        place.stairs(share, edges, fill=True, color=SKY, lw=0)
        low, high = np.quantile(weights[:, k], [0.05, 0.95])
        place.plot([low, high], [0, 0], color=BLUE, lw=4, solid_capstyle="butt", clip_on=False)
        place.plot([weights[:, k].mean()], [0], "D", color=ORANGE, ms=7, clip_on=False, zorder=3)
        reference(place, x=1 / len(names))
        panel_title(place, f"{short(names[k], 50)}: {weights[:, k].mean():.2f} ± {weights[:, k].std():.2f}")
        place.set_xlim(0, 1)
    axes[len(order) // 2, 0].set_ylabel("share of prompts")
    axes[-1, 0].set_xlabel("expected weight")
    return figure


def contributions(names: tuple[str, ...], each: Float[np.ndarray, "n k"]) -> Figure:
    """How much of the difference between the two responses each objective makes, across pairs.

    Args:
        names: of the objectives.
        each: contributions to ``r_chosen − r_rejected``, logits.
    """
    order = np.argsort(-np.abs(each).mean(0), kind="stable")[: 4 * _MOST]
    largest = np.bincount(np.abs(each).argmax(1), minlength=len(names)) / len(each)
    spread = Entries.of_draws(names, each).take(order)
    figure, grid = canvas(
        0.9 + 0.34 * len(order), "Contribution of each objective to the preference for the chosen response",
        f"{len(each):,} pairs, posterior means; dot: mean of pairs, bar: 5 % to 95 % of pairs; "
        "number: share of pairs in which the objective contributes most, in either direction",
    )  # fmt: skip
    axes: Axes = grid[0, 0]
    y = np.arange(len(order))[::-1]
    axes.hlines(y, spread.low, spread.high, color=BLUE, lw=4, alpha=0.45, label="5 % to 95 % of pairs")
    axes.plot(spread.mean, y, "o", color=BLUE, ms=6, label="mean")
    for at, k in zip(y, order, strict=True):
        axes.text(1.0, at, f"{largest[k]:.0%}", transform=axes.get_yaxis_transform(), ha="right", va="center", fontsize=9, color=INK)
    reference(axes, x=0.0)
    axes.set_yticks(y, [short(name) for name in spread.names])
    axes.set_ylim(-0.7, len(order) - 0.3)
    axes.tick_params(axis="y", length=0)
    axes.margins(x=0.1)
    axes.set_xlabel("logits, in favour of the chosen response")
    axes.grid(axis="x")
    legend(axes, loc="upper center", bbox_to_anchor=(0.5, -0.3), ncols=2)
    return figure
