"""What is compared: every method gets the same rows, features, anchors and held-out rows, and none of them the truth but the oracle."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch

from benchmarks.implicit.jobs import Job
from benchmarks.implicit.tasks import Task
from probrm.data import Batch
from probrm.evaluation import Predictions
from probrm.inference import SVI, Laplace, fit
from probrm.model import RewardModel
from probrm.posterior import predict_rewards
from probrm_models.implicit.naive import NaiveModel

STARTS = 1
"""The heads see different things, so there are no mirror images to look for; more starts cost time in every cell."""
_DEFAULT = SVI()


@dataclass(frozen=True)
class Answer:
    """What a method says about the test rows.

    Attributes:
        predictions: probabilities with their intervals, where the method has any.
        found: plain types: the verdict, what was chosen.
    """

    predictions: Predictions
    found: dict[str, Any] = field(default_factory=dict)


def method(name: str) -> Callable[[Job, Task], Answer]:
    """The method of this name.

    Raises:
        KeyError: there is none.
    """
    if name in _OWN:
        return _OWN[name]
    if name in baselines():
        return _baseline
    raise KeyError(name)


def baselines() -> list[str]:
    """Names of the literature's."""
    from probrm_models.baselines import BASELINES

    return list(BASELINES)


def names() -> list[str]:
    """All methods, in the order of tables."""
    return ["implicit", "implicit-svi", *baselines(), *(name for name in _OWN if not name.startswith("implicit"))]


def by_default() -> list[str]:
    """The methods of the main table."""
    return [name for name in names() if name != "implicit-svi"]


def _implicit(job: Job, task: Task) -> Answer:
    from probrm_models.implicit.config import ImplicitConfig
    from probrm_models.implicit.fit import fit_implicit

    data = job.data
    if task.method == "known-propensity":
        data = Batch({**data.columns, "known_propensity": job.propensity}, len(data))
    inference: Any = Laplace()
    if task.method == "implicit-svi":
        inference = SVI(learning_rate=task.learning_rate or _DEFAULT.learning_rate, batch_size=task.batch_size or None)
    found = fit_implicit(
        data, job.shape, ImplicitConfig(), held_out=job.held_out, inference=inference, starts=STARTS, seed=job.seed, device="cpu"
    )
    told = {
        "verdict": found.identifiability.get("verdict"),
        "exit": 3 if found.rivals else 0,
        "rivals": len(found.rivals),
        "held_out": found.fitted.held_out,
        "base_rate": float(found.fitted.draws["base_rate"].mean()),
    }
    return Answer(_predicted(found.fitted.model, found.fitted.draws, job.test), told)


def _naive(job: Job, task: Task) -> Answer:
    """The Bayesian model that takes the action for the label; an anchor stands in for the action of its row."""
    label = job.data["label"]
    return _bayesian(job, job.data, torch.where(label.isnan(), job.data["action"], label), job.held_out)


def _oracle(job: Job, task: Task) -> Answer:
    """The same model on the true preferences of all training answers."""
    return _bayesian(job, job.data, job.good, np.array([], dtype=np.int64))


def _bayesian(job: Job, data: Batch, target: torch.Tensor, held_out: np.ndarray) -> Answer:
    data = Batch({**data.columns, "action": target}, len(data))
    model = NaiveModel(job.shape)
    held = data.subset(torch.from_numpy(held_out)) if len(held_out) else None
    rest = data.subset(torch.from_numpy(np.setdiff1d(np.arange(len(data)), held_out))) if len(held_out) else data
    fitted = fit(model, rest, held_out=held, inference=Laplace(), starts=1, seed=job.seed, device="cpu")
    return Answer(_predicted(fitted.model, fitted.draws, job.test), {"held_out": fitted.held_out})


def _base_rate(job: Job, task: Task) -> Answer:
    """One probability for all: the posterior mean of Beta(2, 2) after the anchors."""
    label = job.data["label"]
    rate = (2 + float(label.nansum())) / (4 + int((~label.isnan()).sum()))
    return Answer(Predictions.of(np.full(len(job.test), rate)), {"base_rate": rate})


def _baseline(job: Job, task: Task) -> Answer:
    from probrm_models.baselines import fit_baseline
    from probrm_models.baselines.config import default_config

    config = default_config(task.method)
    if task.learning_rate:
        config = replace(config, optimiser="adam", learning_rate=task.learning_rate, batch_size=task.batch_size)
    found = fit_baseline(task.method, job.data, job.shape, held_out=job.held_out, config=config, seed=job.seed)
    reward = _point(found.model, found.draws, job.test)
    chosen = {"held_out": found.held_out, "chosen": found.statistics["l2"]["l2"]}
    return Answer(Predictions.of(1 / (1 + np.exp(-reward)), score=reward), chosen)


def _predicted(model: RewardModel, draws: Mapping[str, torch.Tensor], test: Batch) -> Predictions:
    rewards = predict_rewards(model, draws, test)
    return Predictions.of(rewards.probability, score=rewards.reward, low=rewards.probability_low, high=rewards.probability_high)


@torch.no_grad()
def _point(model: RewardModel, draws: Mapping[str, torch.Tensor], test: Batch) -> np.ndarray:
    return model.reward(draws, test)[0].numpy().astype(np.float64)


_OWN: dict[str, Callable[[Job, Task], Answer]] = {
    "implicit": _implicit,
    "implicit-svi": _implicit,
    "naive-bayes": _naive,
    "base-rate": _base_rate,
    "known-propensity": _implicit,
    "oracle": _oracle,
}
