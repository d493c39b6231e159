"""Figures of the rows that an implicit model of one action was fitted to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from probrm.data import Batch
from probrm.figures.calibration import calibration
from probrm.figures.grouping import Grouping, by_member
from probrm.figures.predictive import predictive_check
from probrm.figures.style import INK, SERIES, canvas, legend
from probrm.inference.device import own_random_stream
from probrm.posterior.rewards import LEVEL
from probrm.recipes.row_figures import Shown, covariate_groups, left_out
from probrm.runs.run import Run
from probrm_models.implicit.model import ImplicitModel
from probrm_models.implicit.strata import STRATA, stratum_posterior

if TYPE_CHECKING:
    from probrm.runs.fitted_rows import FittedRows

_STRATA = {"PA": "liked and acted", "NA": "disliked, yet active", "PP": "liked, but passive", "NP": "disliked and passive"}
_HATCHES = ("", "////", "....", "xx")


@torch.no_grad()
def row_figures(run: Run, rows: FittedRows) -> dict[str, Figure]:
    """Posterior predictive check, calibration and strata, by file stem."""
    model = run.model
    assert isinstance(model, ImplicitModel)
    shown = Shown.of(run, rows)
    batch = shown.batch
    with own_random_stream(run.config["seed"]):
        probability = action_probability(model, shown)
        replicates = torch.bernoulli(probability).double().numpy()
    check = predictive_check(groups_of(run, shown), batch["action"].double().numpy(), replicates, shown.weight, about=shown.about)
    made = {"posterior_predictive": check, "calibration": action_calibration(run, rows), "strata": strata(model, shown)}
    return {name: figure for name, figure in made.items() if figure is not None}


def action_calibration(run: Run, rows: FittedRows) -> Figure | None:
    """Of the probability of an action, each row's from the others."""
    shown, given, how = left_out(run, rows)
    action = shown.batch["action"].double().numpy()
    panels = {"rows": (np.where(action == 1, given, 1 - given), action, shown.weight)}
    return calibration(panels, about="; ".join(part for part in (how, shown.about) if part))


def action_probability(model: ImplicitModel, shown: Shown) -> torch.Tensor:
    """``P(o = 1 | globals)`` of each row under each draw, ``(s, n)``; explicit labels are not looked at."""
    batch = shown.batch
    acted = Batch({**batch.columns, "action": torch.ones_like(batch["action"])}, batch.total)
    return model.log_likelihood(shown.draws, acted).exp().clamp(0, 1)


def groups_of(run: Run, shown: Shown) -> list[Grouping]:
    """By each covariate of the propensity, by user; by nothing that was learned from what is checked."""
    found = covariate_groups(run.inputs.propensity, shown.batch["propensity_covariates"])[:4]
    if run.inputs.users:
        found.append(by_member("user", shown.batch["user"].numpy(), run.inputs.users, most=10))
    return found


def strata_shares(model: ImplicitModel, shown: Shown) -> np.ndarray:
    """Weighted mean over rows of the strata's probabilities given action and verdict, by draw: of rows without an action, and with.

    Returns:
        ``(2, s, 4)`` in the order of ``STRATA``; NaN where there are no such rows.
    """
    batch, draws = shown.batch, shown.draws
    reward, propensity = model.reward(draws, batch), model.propensity(draws, batch)
    rate = draws["false_rate"][:, None, None] if "false_rate" in draws else model.config.action.false_rate
    each = stratum_posterior(reward, propensity, batch["action"].expand_as(reward), model.config.action, rate, batch["label"])
    weight = torch.from_numpy(shown.weight).to(each)
    with np.errstate(invalid="ignore"):
        parts = []
        for action in (0.0, 1.0):
            kept = weight * (batch["action"] == action)
            parts.append((torch.einsum("n,snk->sk", kept, each) / kept.sum()).double().numpy())
    return np.stack(parts)


def strata(model: ImplicitModel, shown: Shown) -> Figure:
    """Stacked bars: what rows with and without an action are made of."""
    shares = strata_shares(model, shown)
    figure, grid = canvas(
        2.3, "Why there was no action, and why there was: strata of the rows",
        "bars: posterior mean share of rows; numbers: its mean and central 90 % interval" + (f"; {shown.about}" if shown.about else ""),
    )  # fmt: skip
    axes: Axes = grid[0, 0]
    names, there = ("no action", "action"), []
    for row, (name, draws) in enumerate(zip(names, shares, strict=True)):
        if np.isnan(draws).any():
            continue
        there.append((row, name))
        start = 0.0
        for k, (stratum, (colour, _, _), hatch) in enumerate(zip(STRATA, SERIES, _HATCHES, strict=False)):
            mean = float(draws[:, k].mean())
            label = _STRATA[stratum] if not any(text == _STRATA[stratum] for text in axes.get_legend_handles_labels()[1]) else None
            axes.barh(row, mean, left=start, height=0.62, facecolor=(colour, 0.45), edgecolor=colour, hatch=hatch, lw=1, label=label)
            if mean > 0.09:
                low, high = np.quantile(draws[:, k], [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
                axes.text(
                    start + mean / 2, row + 0.36, f"{mean:.2f} [{low:.2f}, {high:.2f}]",
                    ha="center", va="bottom", fontsize=8.5, color=INK,
                )  # fmt: skip
            start += mean
    axes.set_yticks([row for row, _ in there], [name for _, name in there])
    axes.set_xlim(0, 1)
    axes.set_ylim(min(row for row, _ in there) - 0.5, max(row for row, _ in there) + 0.7)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel("share of rows")
    legend(axes, loc="upper center", bbox_to_anchor=(0.5, -0.32), ncols=4)
    return figure
