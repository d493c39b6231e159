"""Figures of a run with several actions a row."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from matplotlib.figure import Figure
from torch import Tensor

from probrm.data.logs.actions import ActionSpec
from probrm.figures.calibration import calibration
from probrm.figures.entries import Entries
from probrm.figures.forest import forest
from probrm.figures.predictive import predictive_check
from probrm.inference.device import own_random_stream
from probrm.posterior import Variable
from probrm.recipes.row_figures import Shown
from probrm.runs.run import Run
from probrm_models.implicit.multi_action.model import MultiActionModel
from probrm_models.implicit.row_figures import groups_of

if TYPE_CHECKING:
    from probrm.runs.fitted_rows import FittedRows

_MOST = 5
"""Actions with figures of their own."""
_GRADED = {
    "action_strength": ("Strength: what a preference moves a graded action by", "log-odds (ordinal) or standard deviations (log-normal)"),
    "action_width": ("Width of log-normal actions", "standard deviations of the log's log seconds"),
    "level_hazards": ("Hazards of ordinal levels", "probability of this level, given that it is no lower"),
}


def graded_figures(table: Mapping[str, Variable]) -> dict[str, Figure]:
    """Parameters of graded actions, by file stem."""
    return {name: forest(Entries.of(table[name]), title, unit, zero=None) for name, (title, unit) in _GRADED.items() if name in table}


@torch.no_grad()
def action_row_figures(run: Run, rows: FittedRows) -> dict[str, Figure]:
    """A posterior predictive check of each action, and in rows that the fit has not seen the calibration of each yes/no action."""
    model = run.model
    assert isinstance(model, MultiActionModel)
    shown = Shown.of(run, rows)
    with own_random_stream(run.config["seed"]):
        nothing = torch.full_like(shown.batch["label"], torch.nan)
        drawn = model.actions_dist(shown.draws, shown.batch, nothing).sample()
    made: dict[str, Figure | None] = {}
    for k, action in enumerate(model.actions[:_MOST]):
        stem = re.sub(r"[^\w-]+", "_", action.column)
        seen = shown.batch["actions"][:, k]
        there = ~seen.isnan().numpy()
        if not there.any():
            continue
        observed, replicates = (_scale(action, x.double()).numpy() for x in (seen, drawn[..., k]))
        groupings = groups_of(run, shown)
        title = f"Posterior predictive check of {action.column}: observed against replicated, by group"
        made[f"posterior_predictive_{stem}"] = predictive_check(
            groupings, observed, replicates, shown.weight, what=_what(action), about=shown.about, title=title
        )
        unseen = shown.take(shown.held_out)
        if action.kind == "binary" and len(unseen.batch):
            p = binary_probability(model, unseen, k).double().mean(0).numpy()
            panels = {"rows that the fit has not seen": (p, observed[shown.held_out], unseen.weight)}
            made[f"calibration_{stem}"] = calibration(panels, predicted=f"predicted probability of {action.column}")
    return {name: figure for name, figure in made.items() if figure is not None}


def binary_probability(model: MultiActionModel, shown: Shown, k: int) -> Tensor:
    """``P(o_k = 1 | globals)`` of a yes/no action, whatever the others of the row were, ``(s, n)``."""
    batch = shown.batch
    alone = torch.full_like(batch["actions"], torch.nan)
    alone[:, k] = 1.0
    nothing = torch.full_like(batch["label"], torch.nan)
    return model.actions_dist(shown.draws, batch, nothing).log_prob(alone).exp().clamp(0, 1)


def _scale(action: ActionSpec, values: Tensor) -> Tensor:
    """Durations as logarithms, whose means say more than those of a few long looks."""
    return values.clamp(min=1e-12).log() if action.kind == "log-normal" else values


def _what(action: ActionSpec) -> str:
    if action.kind == "log-normal":
        return f"mean of log({action.column})"
    if action.kind == "ordinal":
        return f"mean level of {action.column} (0: {action.levels[0]}, {len(action.levels) - 1}: {action.levels[-1]})"
    return f"share of rows with {action.column}"
