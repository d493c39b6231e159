"""Who acts: five mechanisms of the propensity, and the actions that they leave of the true preferences.

The action is ``o = r* · a``: nobody acts on an answer that they do not prefer, and ``a ~ Bernoulli(propensity)``. ``label`` and
``against`` are the literature's ``α^(5 − rating)`` on ratings from 1 to 5 (ImplicitRM, arXiv 2603.23184, after Schnabel et al. 2016, arXiv
1602.05352) and its mirror image; in ``independent`` and ``user`` the propensity knows nothing of the answer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int

from probrm.data.files.hints import check_known
from probrm.errors import ConfigError, DataError
from probrm.simulation.covariates import draw_covariates, surface_and_position
from probrm.simulation.levels import on_five_levels
from probrm.simulation.scaling import capped, logistic

USER_SD = 2.0
"""Standard deviation of users' log-odds of acting under ``user``."""
LEAST_SEEN = 10
"""Rows of each user under ``user``: from fewer, activity is hard to tell from the answers that somebody happened to get."""


@dataclass(frozen=True)
class Simulated:
    """n exposures.

    Attributes:
        action: float32, 0 or 1.
        propensity: P(a = 1) of each row, in (0, 1].
        user: codes 0..users − 1; None without users.
        covariates: ``surface`` (text) and ``position`` (1 to 10); they drive the propensity under ``independent`` alone.
        truth: what the propensity was made of, plain types.
    """

    action: Float[np.ndarray, " n"]
    propensity: Float[np.ndarray, " n"]
    user: Int[np.ndarray, " n"] | None
    covariates: pd.DataFrame
    truth: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class _Rows:
    """What a mechanism may look at."""

    level: Float[np.ndarray, " n"]
    covariates: pd.DataFrame
    user: Int[np.ndarray, " n"] | None
    rate: float
    alpha: float
    effects: np.random.Generator


def simulate(
    rating: Float[np.ndarray, " n"],
    good: Bool[np.ndarray, " n"],
    mechanism: str,
    *,
    rate: float = 0.2,
    alpha: float = 0.5,
    users: int | None = None,
    seed: int = 0,
) -> Simulated:
    """Draws actions on answers with known verdicts.

    Users, covariates and the draws that are compared with the propensity depend on the seed alone, not on the mechanism, so that two
    mechanisms are compared on the same crowd. A higher rate then only adds actions.

    Args:
        rating: n ratings, in any unit.
        good: n true preferences ``r*``.
        mechanism: one of ``MECHANISMS``.
        rate: mean of the propensity over the rows.
        alpha: of ``label`` and ``against``; 1 is no dependence, 0.1 a strong one.
        users: how many; each gets the same number of rows, give or take one. None: none, but a twentieth of the rows under ``user``.
        seed: any integer.

    Raises:
        ConfigError: an unknown mechanism, or a number outside its range.
        DataError: one level of rating only, or too few rows for each user to be seen ``LEAST_SEEN`` times under ``user``.
    """
    check_known("--mechanism", mechanism, MECHANISMS, "--mechanism label")
    _check("--rate", rate, 0 < rate < 1, "more than 0 and less than 1: the mean of the propensity", "0.2")
    _check("--alpha", alpha, 0 < alpha <= 1, "more than 0, at most 1", "0.5")
    n = len(rating)
    if users is None and mechanism == "user":
        users = max(n // 20, 1)
    if users is not None:
        _check("--users", users, 1 <= users <= n, f"1 to the number of rows, {n}", f"{max(n // 20, 1)}")
    if mechanism == "user" and users and n // users < LEAST_SEEN:
        raise DataError(
            f"--users {users}: {n} rows are {n / users:.1f} a user; allowed under --mechanism user: {LEAST_SEEN} or more",
            fix=f"use --users {max(n // LEAST_SEEN, 1)} or fewer, or show each answer more often: --exposures",
        )
    streams = {name: np.random.default_rng([seed, i]) for i, name in enumerate(("covariates", "users", "effects", "mask"))}
    covariates = draw_covariates(n, streams["covariates"])
    user = None if users is None else streams["users"].permutation(np.arange(n) % users)
    rows = _Rows(on_five_levels(rating), covariates, user, rate, alpha, streams["effects"])
    propensity, truth = MECHANISMS[mechanism](rows)
    active = streams["mask"].random(n) < propensity
    return Simulated((good & active).astype(np.float32), propensity, user, covariates, truth)


def _label(rows: _Rows) -> tuple[np.ndarray, dict[str, Any]]:
    propensity, factor = capped(rows.alpha ** (5 - rows.level), rows.rate)
    return propensity, {"factor": factor}


def _against(rows: _Rows) -> tuple[np.ndarray, dict[str, Any]]:
    propensity, factor = capped(rows.alpha ** (rows.level - 1), rows.rate)
    return propensity, {"factor": factor}


def _independent(rows: _Rows) -> tuple[np.ndarray, dict[str, Any]]:
    logit, truth = surface_and_position(rows.covariates, rows.effects)
    propensity, intercept = logistic(logit, rows.rate)
    return propensity, {"intercept": intercept, **truth}


def _user(rows: _Rows) -> tuple[np.ndarray, dict[str, Any]]:
    assert rows.user is not None
    effect = rows.effects.normal(0.0, USER_SD, int(rows.user.max()) + 1)
    propensity, intercept = logistic(effect[rows.user], rows.rate)
    return propensity, {"intercept": intercept, "user_sd": USER_SD, "users": effect.tolist()}


def _constant(rows: _Rows) -> tuple[np.ndarray, dict[str, Any]]:
    return np.full(len(rows.level), rows.rate), {}


def _check(flag: str, value: float, good: bool, allowed: str, example: str) -> None:
    if not good:
        raise ConfigError(f"{flag}: found {value:g}; allowed: {allowed}", fix=f"use {flag} {example}")


MECHANISMS: dict[str, Callable[[_Rows], tuple[np.ndarray, dict[str, Any]]]] = {
    "label": _label,
    "independent": _independent,
    "against": _against,
    "user": _user,
    "constant": _constant,
}
"""Mechanism → the propensity of rows and what it was made of."""
