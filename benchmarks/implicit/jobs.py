"""The log of a cell: split by prompt, features from the training rows, actions from the mechanism, anchors; the truth only on test."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from sklearn.decomposition import PCA

from benchmarks.implicit.data import Answers
from benchmarks.implicit.tasks import Task
from probrm.data import Batch, FeatureMap, split_rows
from probrm.evaluation import Sample
from probrm.recipes.logs.shape import LogShape
from probrm.simulation import Simulated, simulate

TEST, HELD_OUT = 0.25, 0.1
"""Shares of the prompts, and of the training prompts."""
FEATURES = 64
USER_ROWS = 20
"""Rows of one user, on average."""


@dataclass(frozen=True)
class Job:
    """What a method gets, and what it is compared with.

    Attributes:
        shape: of the batches.
        data: the training rows, all of them.
        held_out: positions of those that share no prompt with the others: settings are chosen by their actions.
        test: answers to other prompts.
        truth: of the test answers.
        good: the true preference of the training rows: for the oracle alone.
        propensity: the true ones of the training rows.
        seed: for whatever a method draws.
    """

    shape: LogShape
    data: Batch
    held_out: np.ndarray
    test: Batch
    truth: Sample
    good: torch.Tensor
    propensity: torch.Tensor
    seed: int


def job_of(answers: Answers, task: Task) -> Job:
    """Everything that methods of one log share."""
    parts = split_rows([str(code) for code in answers.prompt], None, fraction=TEST, seed=task.seed)
    train, test = parts.train, parts.held_out
    features = reduced(answers.vectors[train], answers.vectors)
    # Each answer is shown once: with more exposures of one verdict, rows would not be independent given the features.
    drawn = simulate(
        answers.rating[train],
        answers.good[train],
        task.mechanism,
        rate=task.rate,
        alpha=task.alpha,
        users=None if task.mechanism == "selected" else max(len(train) // USER_ROWS, 1),  # there it is a twentieth of the rows by default
        seed=task.seed,
    )
    shown = train[drawn.answer]
    good = torch.from_numpy(answers.good[shown].astype(np.float32))
    label = _anchors(good, task)
    if drawn.selected is not None:
        label = torch.where(torch.from_numpy(drawn.selected.randomised), good, label)
    shape, data = _batch(features[shown], drawn, label)
    held = split_rows([str(code) for code in answers.prompt[shown]], None, fraction=HELD_OUT, seed=task.seed + 1000).held_out
    known = None if answers.probability is None else answers.probability[test]
    return Job(
        shape=shape,
        data=data,
        held_out=held,
        test=_test_batch(features[test]),
        truth=Sample.of(answers.good[test], groups=answers.prompt[test].tolist(), true_probability=known),
        good=good,
        propensity=torch.from_numpy(drawn.propensity.astype(np.float32)),
        seed=task.seed,
    )


def reduced(train: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Columns in units of their deviation over ``train``, cut to the principal components of largest variance where there are many.

    Components keep their relative variances (a linear model with one scale of weights says the same on them as on the columns), and
    have mean square 1 over rows and columns.
    """
    spread = train.std(0)
    spread = np.where(spread > 1e-6, spread, 1.0)
    train, rows = (train - train.mean(0)) / spread, (rows - train.mean(0)) / spread
    if train.shape[1] > FEATURES:
        components = PCA(min(FEATURES, len(train) - 1), svd_solver="full").fit(train)
        train, rows = components.transform(train), components.transform(rows)
    return (rows / np.sqrt((train**2).mean())).astype(np.float32)


def _anchors(good: torch.Tensor, task: Task) -> torch.Tensor:
    """The true preference of some rows drawn at random, NaN elsewhere; 10 are among the 50 of the same seed."""
    label = torch.full_like(good, torch.nan)
    at = torch.from_numpy(np.random.default_rng([task.seed, 100]).permutation(len(good))[: task.anchors])
    label[at] = good[at]
    return label


def _batch(features: np.ndarray, drawn: Simulated, label: torch.Tensor) -> tuple[LogShape, Batch]:
    assert drawn.user is not None
    covariates = FeatureMap.fit(drawn.covariates)
    users = tuple(f"u{i}" for i in range(int(drawn.user.max()) + 1))
    columns = {
        "embedding": torch.from_numpy(features),
        "reward_covariates": torch.zeros(len(features), 0),
        "propensity_covariates": torch.from_numpy(covariates.transform(drawn.covariates)),
        "user": torch.from_numpy(drawn.user),
        "action": torch.from_numpy(drawn.action),
        "label": label,
        "weight": torch.ones(len(features)),
    }
    return LogShape(features.shape[1], (), covariates.names, users), Batch(columns, len(features))


def _test_batch(features: np.ndarray) -> Batch:
    n = len(features)
    return Batch({"embedding": torch.from_numpy(features), "reward_covariates": torch.zeros(n, 0), "weight": torch.ones(n)}, n)
