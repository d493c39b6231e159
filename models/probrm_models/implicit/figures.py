"""Figures of an implicit run: what every run has, effects with intervals, users' activity, the level, and the fitted rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from probrm.figures.entries import Entries
from probrm.figures.forest import caterpillar, forest
from probrm.recipes.run_figures import common_figures
from probrm.runs.run import Run
from probrm_models.implicit.identifiability.base_rate_figure import level_profile
from probrm_models.implicit.multi_action.model import MultiActionModel

if TYPE_CHECKING:
    from probrm.runs.fitted_rows import FittedRows

_UNIT = "log-odds; numbers: per standard deviation, levels: against the most frequent one"
_BASE = "share of the log's answers that are preferred"


def figures(run: Run, rows: FittedRows | None = None) -> dict[str, Figure]:
    """Matplotlib figures by file stem; made without pyplot, so nothing global changes.

    Args:
        run: fitted.
        rows: those it was fitted to, read again; without them there are no figures of rows.
    """
    table = run.summary()
    made = common_figures(
        run,
        units={"base_rate": _BASE, "propensity_intercept": "log-odds", "user_activity_scale": "standard deviation, log-odds"},
        ranges={"base_rate": (0.0, 1.0)},
        first=("logit base_rate", "propensity_intercept"),
    )
    for name, title in (
        ("propensity_effects", "What makes users act, whatever the answer: effects on the propensity"),
        ("reward_effects", "What makes answers better, in addition to their text: effects on the reward"),
    ):
        if name in table:
            made[name] = forest(_blocks(table[name]), title, _UNIT)
    if "user_activity" in table:
        made["user_activity"] = caterpillar(
            Entries.of(table["user_activity"]), "How readily each user acts", "log-odds of acting", "users by activity"
        )
    profile = level_profile(run.metrics.get("identifiability", {}).get("level", {}), run.draws["base_rate"].double().numpy())
    if profile is not None:
        made["level"] = profile
    if isinstance(run.model, MultiActionModel):
        from probrm_models.implicit.multi_action.figures import action_row_figures, graded_figures

        made |= graded_figures(table)
        return made if rows is None else made | action_row_figures(run, rows)
    if rows is not None:
        from probrm_models.implicit.row_figures import row_figures

        made |= row_figures(run, rows)
    return made


def _blocks(variable: object) -> Entries | dict[str, Entries]:
    """Of several actions, one block each."""
    from probrm.posterior import Variable

    assert isinstance(variable, Variable)
    if "action" not in variable.coords:
        return Entries.of(variable)
    names, actions = variable.coords["propensity_effect"], variable.coords["action"]
    parts = [np.asarray(part, float) for part in (variable.mean, variable.low, variable.high)]
    return {action: Entries(names, *(part[i] for part in parts)) for i, action in enumerate(actions)}
