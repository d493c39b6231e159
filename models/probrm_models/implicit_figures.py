"""Figures of an implicit run: training, effects with intervals, users' activity, base rate."""

from __future__ import annotations

from itertools import product

import numpy as np
from matplotlib.figure import Figure

from probrm.posterior import Variable
from probrm.runs.run import Run

_BLUE, _GREY = "#0072B2", "#999999"  # Okabe–Ito: told apart by the colour-blind
_MOST_USERS = 60


def figures(run: Run) -> dict[str, Figure]:
    """Matplotlib figures by file stem; made without pyplot, so nothing global changes."""
    table = run.summary()
    made: dict[str, Figure] = {}
    if run.history["records"]:
        made["training"] = _training(run)
    for name, title in (
        ("propensity_effects", "Effects on the propensity to act (log-odds)"),
        ("reward_effects", "Effects on the reward (log-odds)"),
    ):
        if name in table:
            made[name] = _forest(table[name], title)
    if "user_activity" in table:
        made["user_activity"] = _users(table["user_activity"])
    made["base_rate"] = _density(run)
    return made


def _forest(variable: Variable, title: str) -> Figure:
    names = [": ".join(labels) for labels in product(*variable.coords.values())]  # of several actions: copied: hour
    figure = Figure(figsize=(7, 1.2 + 0.35 * len(names)), layout="constrained")
    axes = figure.add_subplot()
    y = np.arange(len(names))[::-1]
    axes.hlines(y, variable.low.ravel(), variable.high.ravel(), color=_BLUE, lw=2)
    axes.plot(variable.mean.ravel(), y, "o", color=_BLUE)
    axes.axvline(0, color=_GREY, lw=1)
    axes.set_yticks(y, names)
    axes.set_title(f"{title}\nposterior mean and central 90 % interval", fontsize=10)
    return figure


def _users(variable: Variable) -> Figure:
    order = np.argsort(variable.mean)
    shown = order if len(order) <= _MOST_USERS else order[np.linspace(0, len(order) - 1, _MOST_USERS).astype(int)]
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.add_subplot()
    x = np.arange(len(shown))
    axes.vlines(x, variable.low[shown], variable.high[shown], color=_BLUE, lw=1)
    axes.plot(x, variable.mean[shown], "o", color=_BLUE, ms=3)
    axes.axhline(0, color=_GREY, lw=1)
    axes.set_xlabel(f"users by activity ({len(shown)} of {len(order)})")
    axes.set_ylabel("log-odds of acting")
    axes.set_title("Users' activity, posterior mean and central 90 % interval", fontsize=10)
    return figure


def _training(run: Run) -> Figure:
    figure = Figure(figsize=(7, 3.5), layout="constrained")
    axes = figure.add_subplot()
    records = run.history["records"]
    axes.plot([r["step"] for r in records], [r["elbo"] for r in records], color=_BLUE)
    for stage in run.history["stages"][1:]:
        axes.axvline(stage, color=_GREY, lw=1)
    axes.set_xlabel("step (grey: the learning rate falls)")
    axes.set_ylabel("ELBO a row, nats")
    return figure


def _density(run: Run) -> Figure:
    figure = Figure(figsize=(7, 3), layout="constrained")
    axes = figure.add_subplot()
    axes.hist(run.draws["base_rate"].numpy(), bins=40, range=(0, 1), density=True, color=_BLUE)
    axes.set_xlabel("base_rate: share of the log's answers that are preferred")
    axes.set_yticks([])
    return figure
