"""Logs in which users choose what they see: intervals of rewards and propensity effects, compared with the truth.

Synthetic answers, of which P(r* = 1 | x) is known. A row that was shown at random has that probability; a chosen one has the
probability given the choice, in closed form from the levels of the rating (``probrm/simulation/selection.py``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.special import expit, logit
from torch import Tensor

from benchmarks.implicit.data import SYNTHETIC_LEVELS, synthetic
from probrm.data import Batch, FeatureMap
from probrm.inference import Fitted, fit
from probrm.recipes.logs.shape import LogShape
from probrm.simulation import simulate
from probrm_models.implicit.config import ImplicitConfig
from probrm_models.implicit.fit import fit_implicit
from probrm_models.implicit.naive import NaiveModel

OFFERS, ALPHA = 16_000, 0.5
"""About 4,300 rows each, 650 of them shown at random and labelled, 700 with an action."""


@dataclass(frozen=True)
class Log:
    """A log with its truth.

    Attributes:
        batch: n rows.
        shape: of the model that has a covariate ``randomised`` in the reward.
        randomised: which rows were shown at random.
        offered: true logit of the preference given the features, ``(n,)``: of offers, and so of randomised rows.
        shown: the same given how the row came to be shown, ``(n,)``: of chosen rows it is higher.
        effects: true effects of the propensity's covariates, in the model's units.
    """

    batch: Batch
    shape: LogShape
    randomised: np.ndarray
    offered: np.ndarray
    shown: np.ndarray
    effects: np.ndarray


def log_of(seed: int, offers: int = OFFERS) -> Log:
    """Synthetic answers, of which users choose; randomised rows have their label."""
    answers = synthetic(seed, offers)
    drawn = simulate(answers.rating, answers.good, "selected", alpha=ALPHA, seed=seed)
    assert drawn.selected is not None
    assert drawn.user is not None
    assert answers.probability is not None
    at, at_random, n = drawn.answer, drawn.selected.randomised, len(drawn.answer)
    covariates = FeatureMap.fit(drawn.covariates)
    columns = covariates.transform(drawn.covariates)
    part_frame = pd.DataFrame({"randomised": at_random.astype(np.int8)})
    part = FeatureMap.fit(part_frame)
    place = np.array([drawn.truth["surface"][name] for name in drawn.covariates["surface"]])
    place += drawn.truth["position"] * drawn.covariates["position"].to_numpy()
    effects = np.linalg.lstsq(np.column_stack([np.ones(n), columns]), place, rcond=None)[0][1:]  # exact: other units of the same line
    offered = logit(answers.probability[at])
    data = {
        "embedding": torch.from_numpy(answers.vectors[at]),
        "reward_covariates": torch.from_numpy(part.transform(part_frame)),
        "propensity_covariates": torch.from_numpy(columns),
        "user": torch.from_numpy(drawn.user),
        "action": torch.from_numpy(drawn.action),
        "label": torch.from_numpy(np.where(at_random, answers.good[at], np.nan).astype(np.float32)),
        "weight": torch.ones(n),
    }
    shape = LogShape(answers.vectors.shape[1], part.names, covariates.names, tuple(f"u{i}" for i in range(int(drawn.user.max()) + 1)))
    return Log(Batch(data, n), shape, at_random, offered, np.where(at_random, offered, chosen_logit(offered)), effects)


def chosen_logit(offered: np.ndarray) -> np.ndarray:
    """``logit P(r* = 1 | x, chosen)``: levels of the rating are cuts of a logistic variable around ``offered``, weighed by the choice."""
    cuts = np.array([-np.inf, *SYNTHETIC_LEVELS, np.inf])
    share = np.diff(expit(cuts - offered[:, None]), axis=1) * ALPHA ** np.arange(4, -1, -1)
    return np.log(share[:, 3:].sum(1) / share[:, :3].sum(1))


def without_randomised(log: Log) -> tuple[LogShape, Batch]:
    """The same log for models that do not know which rows were shown at random."""
    shape = LogShape(log.shape.embedding, (), log.shape.propensity_effects, log.shape.users)
    return shape, Batch({**log.batch.columns, "reward_covariates": torch.zeros(len(log.batch), 0)}, len(log.batch))


def covered(draws: Tensor | np.ndarray, truth: np.ndarray) -> float:
    """Share of 90 % intervals that hold the truth; draws on the first axis."""
    low, high = np.quantile(np.asarray(draws), [0.05, 0.95], axis=0)
    return float(((low <= truth) & (truth <= high)).mean())


@torch.no_grad()
def rewards(fitted: Fitted, batch: Batch, *, offered: bool = False) -> Tensor:
    """Draws of the rows' rewards; with ``offered``, as if every row had been shown at random."""
    if offered:
        value = batch["reward_covariates"].max().expand(len(batch), 1)
        batch = Batch({**batch.columns, "reward_covariates": value}, len(batch))
    return fitted.model.reward(fitted.draws, batch)


def test_the_logit_of_chosen_rows_against_their_preferences() -> None:
    """Over 40,000 chosen rows: good ones minus their expected number, within 5 standard errors, overall and in four quarters."""
    answers = synthetic(0, 200_000)
    drawn = simulate(answers.rating, answers.good, "selected", alpha=ALPHA, randomised=0.0, seed=0)
    assert answers.probability is not None
    offered = logit(answers.probability[drawn.answer])
    p, good = expit(chosen_logit(offered)), answers.good[drawn.answer]
    for rows in (slice(None), *np.array_split(np.argsort(offered), 4)):
        assert abs(good[rows].sum() - p[rows].sum()) < 5 * np.sqrt((p[rows] * (1 - p[rows])).sum())


@pytest.mark.long
@pytest.mark.timeout(2400)
def test_intervals_cover_what_the_randomised_part_says(capsys: pytest.CaptureFixture[str], simulations: Callable[[int, int], int]) -> None:
    """Mean coverage of 90 % intervals over ten logs, by models fitted as they are by default.

    Measured: .83 of the rewards of offers, .89 of rows as shown, .88 of the effects; .54, .07 and .70 without ``randomised``; .03 and .01 by
    the naive model. Rows of one log share nine parameters, so coverage varies from log to log with a deviation of .11, .18 and .17, and a
    bound of .75 on a mean over ten fails in about 1 % of other sets of seeds; one of .6 on a mean over three in about as many.
    """
    count = simulations(10, 3)
    least = 0.75 if count == 10 else 0.6
    found: dict[str, list[float]] = {}
    for seed in range(count):
        log = log_of(seed)
        fitted = fit_implicit(log.batch, log.shape, ImplicitConfig(), seed=seed, device="cpu").fitted
        shape, batch = without_randomised(log)
        blind = fit_implicit(batch, shape, ImplicitConfig(), seed=seed, device="cpu").fitted
        naive = fit(NaiveModel(shape), batch, seed=seed, device="cpu")
        one = {
            "rewards of offers": covered(rewards(fitted, log.batch, offered=True), log.offered),
            "rewards of rows as shown": covered(rewards(fitted, log.batch), log.shown),
            "propensity effects": covered(fitted.draws["propensity_effects"], log.effects),
            "without `randomised`, rewards of offers": covered(rewards(blind, batch), log.offered),
            "without `randomised`, rewards of rows as shown": covered(rewards(blind, batch), log.shown),
            "without `randomised`, propensity effects": covered(blind.draws["propensity_effects"], log.effects),
            "naive, rewards of offers": covered(rewards(naive, batch), log.offered),
            "naive, rewards of rows as shown": covered(rewards(naive, batch), log.shown),
        }
        for name, value in one.items():
            found.setdefault(name, []).append(value)
    mean = {name: float(np.mean(values)) for name, values in found.items()}
    with capsys.disabled():
        print("", *(f"{name}: {value:.3f} (by log {np.round(found[name], 2)})" for name, value in mean.items()), sep="\n")
    assert mean["rewards of offers"] > least
    assert mean["rewards of rows as shown"] > least
    assert mean["propensity effects"] > least
    assert mean["naive, rewards of offers"] < 0.2
    assert mean["naive, rewards of rows as shown"] < 0.2
    assert mean["without `randomised`, rewards of offers"] < mean["rewards of offers"] - 0.1
