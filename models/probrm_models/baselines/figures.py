"""The figures of a baseline's run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from probrm.figures.entries import Entries
from probrm.figures.forest import caterpillar, forest
from probrm.figures.style import BLUE, canvas, legend, reference
from probrm.runs.run import Run

if TYPE_CHECKING:
    from probrm.runs.fitted_rows import FittedRows


def figures(run: Run, rows: FittedRows | None = None) -> dict[str, Figure]:
    """The held-out score by penalty, where several were tried, and the effects; made without pyplot, so nothing global changes.

    A baseline predicts no actions by itself, so there is nothing to hold the fitted rows against.
    """
    made, table = {}, run.summary()
    found = run.metrics["diagnostics"].get("l2", {})
    if found.get("scores"):
        made["selection"] = selection(found)
    for name, title in (("propensity_effects", "Effects on the propensity to act"), ("reward_effects", "Effects on the reward")):
        if name in table:
            made[name] = forest(Entries.of(table[name]), title, "log-odds")
    if "user_activity" in table:
        made["user_activity"] = caterpillar(
            Entries.of(table["user_activity"]), "How readily each user acts", "log-odds of acting", "users by activity"
        )
    return made


def selection(found: dict[str, object]) -> Figure:
    """The held-out score of each penalty."""
    scores = found["scores"]
    assert isinstance(scores, list)
    figure, grid = canvas(2.7, "Choice of the penalty: held-out log-likelihood of the actions", "higher is better; dashed: chosen")
    axes: Axes = grid[0, 0]
    axes.semilogx([one["l2"] for one in scores], [one["held_out"] for one in scores], "o-", color=BLUE, label="penalties tried")
    reference(axes, x=float(str(found["l2"])), label="chosen")
    axes.set_xlabel("L2 penalty of the reward weights")
    axes.set_ylabel("nats a row")
    axes.grid(axis="y")
    legend(axes)
    return figure
