"""Exposures with actions: who saw which answer where, and the actions that a mechanism leaves of the true preferences.

The action is ``o = r* · a``: nobody acts on an answer that they do not prefer, and ``a ~ Bernoulli(propensity)``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int

from probrm.data.files.hints import check_known
from probrm.errors import ConfigError, DataError
from probrm.simulation.covariates import draw_covariates
from probrm.simulation.levels import on_five_levels
from probrm.simulation.mechanisms import MECHANISMS, Rows
from probrm.simulation.selection import Selected, choice_probability, select

LEAST_SEEN = 10
"""Rows of each user under ``user``: from fewer, activity is hard to tell from the answers that somebody happened to get."""
_STREAMS = ("covariates", "users", "effects", "mask", "selection")


@dataclass(frozen=True)
class Simulated:
    """n exposures.

    Attributes:
        action: float32, 0 or 1.
        propensity: P(a = 1) of each row, in (0, 1].
        user: codes 0..users − 1; None without users.
        covariates: ``surface`` (text) and ``position`` (1 to 10); they drive the propensity under ``independent`` and ``selected`` alone.
        answer: position of each row's answer among those given: 0..n − 1, but under ``selected``, where not every one becomes a row.
        selected: under ``selected``, which rows were shown at random; else None.
        truth: what the propensity was made of, plain types.
    """

    action: Float[np.ndarray, " n"]
    propensity: Float[np.ndarray, " n"]
    user: Int[np.ndarray, " n"] | None
    covariates: pd.DataFrame
    answer: Int[np.ndarray, " n"]
    selected: Selected | None = None
    truth: dict[str, Any] = field(default_factory=dict)


def simulate(
    rating: Float[np.ndarray, " N"],
    good: Bool[np.ndarray, " N"],
    mechanism: str,
    *,
    rate: float = 0.2,
    alpha: float = 0.5,
    users: int | None = None,
    randomised: float = 0.15,
    seed: int = 0,
) -> Simulated:
    """Draws actions on answers whose true preferences are known.

    Users, covariates and the draws that are compared with the propensity depend on the seed alone, not on the mechanism, so that two
    mechanisms are compared on the same crowd; ``selected`` has fewer rows, and a crowd of its own. A higher rate then only adds actions.

    Args:
        rating: N ratings, in any unit.
        good: N true preferences ``r*``.
        mechanism: one of ``MECHANISMS``.
        rate: mean of the propensity over the rows.
        alpha: of ``label``, ``against`` and ``selected``; 1 is no dependence, 0.1 a strong one.
        users: how many; each gets the same number of rows, give or take one. None: none, but a twentieth of the rows under ``user`` and
            ``selected``.
        randomised: of ``selected``: share of the rows that are shown at random.
        seed: any integer.

    Raises:
        ConfigError: an unknown mechanism, or a number outside its range.
        DataError: one level of rating only, too few rows for each user to be seen ``LEAST_SEEN`` times under ``user``, or no row at all
            under ``selected``.
    """
    check_known("--mechanism", mechanism, MECHANISMS, "--mechanism label")
    _check("--rate", rate, 0 < rate < 1, "more than 0 and less than 1: the mean of the propensity", "0.2")
    _check("--alpha", alpha, 0 < alpha <= 1, "more than 0, at most 1", "0.5")
    _check("--randomised", randomised, 0 <= randomised < 1, "0 to less than 1: a share of the rows", "0.15")
    streams = {name: np.random.default_rng([seed, i]) for i, name in enumerate(_STREAMS)}
    level, covariates = on_five_levels(rating), draw_covariates(len(rating), streams["covariates"])
    selected, answer = None, np.arange(len(rating))
    if mechanism == "selected":
        offered = choice_probability(level, covariates["position"].to_numpy(), alpha)
        selected = select(offered, randomised, streams["selection"])
        answer, covariates = selected.offer, covariates.iloc[selected.offer].reset_index(drop=True)
    n = len(answer)
    if not n:
        raise DataError(f"--mechanism selected: none of {len(rating)} offers is chosen", fix="offer more answers, or raise --alpha")
    if users is None and mechanism in ("user", "selected"):
        users = max(n // 20, 1)
    if users is not None:
        _check("--users", users, 1 <= users <= n, f"1 to the number of rows, {n}", f"{max(n // 20, 1)}")
    if mechanism == "user" and users and n // users < LEAST_SEEN:
        raise DataError(
            f"--users {users}: {n} rows are {n / users:.1f} a user; allowed under --mechanism user: {LEAST_SEEN} or more",
            fix=f"use --users {max(n // LEAST_SEEN, 1)} or fewer, or show each answer more often: --exposures",
        )
    user = None if users is None else streams["users"].permutation(np.arange(n) % users)
    propensity, truth = MECHANISMS[mechanism](Rows(level[answer], covariates, user, rate, alpha, streams["effects"]))
    active = streams["mask"].random(n) < propensity
    if selected is not None:
        truth["selection"] = selected.truth
    return Simulated((good[answer] & active).astype(np.float32), propensity, user, covariates, answer, selected, truth)


def _check(flag: str, value: float, good: bool, allowed: str, example: str) -> None:
    if not good:
        raise ConfigError(f"{flag}: found {value:g}; allowed: {allowed}", fix=f"use {flag} {example}")
