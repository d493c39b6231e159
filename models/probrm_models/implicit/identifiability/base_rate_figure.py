"""What the log, the prior and the posterior say about the share of answers that are preferred."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from probrm.figures.style import AMBER, BLUE, ORANGE, SKY, canvas, legend, limits, reference
from probrm.posterior.rewards import LEVEL

_DEEP = 8.0
"""Nats below the top that are shown."""


def level_profile(level: Mapping[str, Any], base_rate: Float[np.ndarray, " s"]) -> Figure | None:
    """The profile of the log evidence over the base rate, with the range that the log allows and the posterior.

    Args:
        level: the section of the run's metrics, see ``level_evidence``.
        base_rate: posterior draws.

    Returns:
        None where no profile was worked out.
    """
    profile = level.get("profile") or {}
    if not profile.get("base_rate"):
        return None
    rate, evidence = np.array(profile["base_rate"], float), np.array(profile["log_evidence"], float)
    figure, grid = canvas(
        3.1, "The base rate: how well each share of preferred answers explains the log",
        f"determined by: {level.get('governed_by', 'unknown')}; within 2 nats of the top the log itself does not decide; "
        "bar: posterior mean and central 90 % interval",
    )  # fmt: skip
    axes: Axes = grid[0, 0]
    if level.get("range"):
        axes.axvspan(*level["range"], color=SKY, alpha=0.25, lw=0, label="range that the actions allow")
    axes.plot(rate, evidence, "o-", color=BLUE, ms=3.5, lw=1.5, label="log evidence, the logistic link believed")
    taken = np.array(profile.get("taken_out") or np.zeros(len(rate)), float)
    if np.ptp(taken) > 1e-6:
        rest = evidence - taken
        axes.plot(rate, rest - rest.max(), "s--", color=ORANGE, ms=3.5, lw=1.5, mfc="none", label="the same without the link's shape")
    reference(axes, y=-2.0)
    low, high = np.quantile(base_rate, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    bottom = max(limits(evidence)[0], -_DEEP)
    axes.plot([low, high], [bottom * 0.97] * 2, color=AMBER, lw=4, solid_capstyle="butt", label="posterior")
    axes.plot([base_rate.mean()], [bottom * 0.97], "D", color=AMBER, ms=6)
    axes.set_xlim(0, 1)
    axes.set_ylim(bottom, -0.06 * bottom)
    axes.set_xlabel("base rate: share of the log's answers that are preferred")
    axes.set_ylabel("nats below the top")
    axes.grid(axis="y")
    legend(axes)
    return figure
