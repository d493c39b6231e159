"""Predictions that a row is judged by must not have seen it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from probrm.data import Batch
from probrm.inference import Laplace, fit
from probrm.priors import Normal
from probrm.recipes.logs.shape import LogShape
from probrm.recipes.row_figures import left_out
from probrm_models.implicit.config import ImplicitConfig, ImplicitPriors
from probrm_models.implicit.naive import NaiveModel


def test_predictions_of_rows_left_out_are_calibrated() -> None:
    """A logistic regression of 400 rows on 60 columns from its own prior, Laplace's posterior; 20 data sets. The mean slope is held to 5 standard errors.

    The slope of the outcome's logit on the predicted one is 1. Control: what the posterior says of rows that it has seen has 1.4 and more.
    """
    slopes = []
    for seed in range(20):
        rng = torch.Generator().manual_seed(seed)
        x = torch.randn(400, 60, generator=rng)
        columns = {
            "embedding": x,
            "reward_covariates": torch.zeros(400, 0),
            "action": torch.bernoulli((x @ torch.randn(60, generator=rng) / 60**0.5 * 1.5).sigmoid(), generator=rng),
            "weight": torch.ones(400),
        }
        model = NaiveModel(LogShape(60), ImplicitConfig(priors=ImplicitPriors(weights=Normal(0.0, 1.5))))
        batch = Batch(columns, 400)
        fitted = fit(model, batch, inference=Laplace(), starts=1)
        some: Any = SimpleNamespace(model=model, draws=fitted.draws, chains=1)
        rows: Any = SimpleNamespace(batch=batch, held_out=np.zeros(400, bool), counts=np.ones(400))
        y = columns["action"].numpy()
        of_all = model.log_likelihood(fitted.draws, batch).exp().mean(0).double().numpy()
        slopes.append([_slope(np.where(y == 1, p, 1 - p), y) for p in (left_out(some, rows)[1], of_all)])
    without, with_itself = np.array(slopes).T
    assert without.mean() == pytest.approx(1.0, abs=5 * without.std() / 20**0.5)
    assert abs(without.mean() - 1) < 0.2
    assert with_itself.mean() > 1.4


def _slope(p: np.ndarray, y: np.ndarray) -> float:
    logit = np.log(p / (1 - p))
    return float(LogisticRegression(C=np.inf).fit(logit[:, None], y).coef_[0, 0])
