"""What drives the propensity: six mechanisms, each a function of the rows.

``label`` and ``against`` are the literature's ``α^(5 − rating)`` on ratings from 1 to 5 (ImplicitRM, arXiv 2603.23184, after Schnabel et
al. 2016, arXiv 1602.05352) and its mirror image; in the other four the propensity knows nothing of the answer. Under ``selected`` the
answer decides which rows there are (``selection.py``), and the propensity depends on surface, position and user.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from probrm.simulation.covariates import surface_and_position
from probrm.simulation.scaling import capped, logistic

USER_SD = 2.0
"""Standard deviation of users' log-odds of acting under ``user``."""
SELECTED_USER_SD = 1.0
"""The same under ``selected``, where surface and position act too."""


@dataclass(frozen=True)
class Rows:
    """What a mechanism may look at."""

    level: Float[np.ndarray, " n"]
    covariates: pd.DataFrame
    user: Int[np.ndarray, " n"] | None
    rate: float
    alpha: float
    effects: np.random.Generator


def _label(rows: Rows) -> tuple[np.ndarray, dict[str, Any]]:
    propensity, factor = capped(rows.alpha ** (5 - rows.level), rows.rate)
    return propensity, {"factor": factor}


def _against(rows: Rows) -> tuple[np.ndarray, dict[str, Any]]:
    propensity, factor = capped(rows.alpha ** (rows.level - 1), rows.rate)
    return propensity, {"factor": factor}


def _independent(rows: Rows) -> tuple[np.ndarray, dict[str, Any]]:
    logit, truth = surface_and_position(rows.covariates, rows.effects)
    propensity, intercept = logistic(logit, rows.rate)
    return propensity, {"intercept": intercept, **truth}


def _user(rows: Rows) -> tuple[np.ndarray, dict[str, Any]]:
    assert rows.user is not None
    effect = rows.effects.normal(0.0, USER_SD, int(rows.user.max()) + 1)
    propensity, intercept = logistic(effect[rows.user], rows.rate)
    return propensity, {"intercept": intercept, "user_sd": USER_SD, "users": effect.tolist()}


def _constant(rows: Rows) -> tuple[np.ndarray, dict[str, Any]]:
    return np.full(len(rows.level), rows.rate), {}


def _selected(rows: Rows) -> tuple[np.ndarray, dict[str, Any]]:
    assert rows.user is not None
    place, truth = surface_and_position(rows.covariates, rows.effects)
    effect = rows.effects.normal(0.0, SELECTED_USER_SD, int(rows.user.max()) + 1)
    propensity, intercept = logistic(place + effect[rows.user], rows.rate)
    return propensity, {"intercept": intercept, **truth, "user_sd": SELECTED_USER_SD, "users": effect.tolist()}


MECHANISMS: dict[str, Callable[[Rows], tuple[np.ndarray, dict[str, Any]]]] = {
    "label": _label,
    "independent": _independent,
    "against": _against,
    "user": _user,
    "constant": _constant,
    "selected": _selected,
}
"""Mechanism → the propensity of rows and what it was made of."""
