"""One fit: a set of pairs, a model and a seed; split, fitted, and compared with the test prompts."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.pairs.data import Encoded
from benchmarks.pairs.models import MODELS, Compared
from probrm.config import build_config
from probrm.data import Batch, split_rows
from probrm.evaluation import PairPredictions, evaluate_pairs
from probrm.inference import Fitted
from probrm.inference.device import own_random_stream
from probrm.recipes.pairs.inputs import PairInputs
from probrm.recipes.pairs.job import PairJob
from probrm.recipes.pairs.predictions import preference_probabilities
from probrm_models.vrm.collapse import collapse
from probrm_models.vrm.model import VRMModel
from probrm_models.vrm.predictions import weight_draws
from probrm_models.vrm.recipe import VRMRecipe
from probrm_models.vrm.supervision import targets

TEST, HELD_OUT = 0.3, 0.15
METRICS = ("accuracy", "nll", "brier", "ece", "accuracy_certain_half", "certainty_auroc")


@dataclass(frozen=True)
class Task:
    """What is fitted.

    Attributes:
        data: name of the set.
        model: one of ``MODELS``.
        seed: of the split and of the fit.
        text: what the encoder sees of a response.
        prompts: how many prompts are kept for training and selection; None for all that are not test prompts.
        weight: of each training pair; below 1 tempers the likelihood.
    """

    data: str
    model: str
    seed: int
    text: str = "pair"
    prompts: int | None = None
    weight: float = 1.0


def split(prompts: list[str], seed: int, keep: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Positions of the pairs for training and selection, and of those for the test: no prompt is on both sides."""
    parts = split_rows(prompts, None, fraction=TEST, seed=1000 + seed)
    train = parts.train
    if keep is not None:
        names = sorted({prompts[i] for i in train})
        kept = {names[i] for i in np.random.default_rng(seed).permutation(len(names))[:keep]}
        train = np.array([i for i in train if prompts[i] in kept])
    return train, parts.held_out


def job_of(data: Encoded, task: Task) -> tuple[PairJob, Batch, np.ndarray]:
    """The job as ``probrm fit vrm`` makes it of the training prompts; the test pairs, and their positions."""
    compared: Compared = MODELS[task.model]
    flags = {"seed": task.seed, "held_out": HELD_OUT, "device": "cpu", "encoder": {"text": task.text}}
    # Bradley–Terry's own settings are no part of this job's: fit reads them from ``compared``.
    config = build_config(VRMRecipe(), flags=flags | {"model": compared.model if compared.kind == "vrm" else {}})
    train, test = split(data.prompts, task.seed, task.prompts)
    pairs = data.pairs.take(train)
    pairs = replace(pairs, weight=pairs.weight * np.float32(task.weight))
    sides = _sides(data, train)
    inputs = PairInputs.fit(pairs, *sides)
    batch = inputs.batch(pairs, *sides)
    parts = split_rows([data.prompts[i] for i in train], None, fraction=HELD_OUT, seed=task.seed)
    job = PairJob(
        config=config,
        rows=pairs,
        inputs=inputs,
        data=batch,
        held=parts.held_out,
    )
    return job, inputs.batch(data.pairs.take(test), *_sides(data, test)), test


def run(data: Encoded, task: Task) -> dict[str, Any]:
    """Fits and tests; plain types, no texts: prompts are numbered in the order in which the set has them."""
    job, test, rows = job_of(data, task)
    start = time.perf_counter()
    fitted = MODELS[task.model].fit(job)
    seconds = time.perf_counter() - start
    p = preference_probabilities(fitted.model, fitted.draws, test, seed=task.seed).p_chosen  # type: ignore[arg-type]
    codes = {prompt: i for i, prompt in enumerate(dict.fromkeys(data.prompts))}
    prompts = [codes[data.prompts[i]] for i in rows]
    found = evaluate_pairs(PairPredictions(p), prompts=prompts, bootstrap=0).metrics
    return asdict(task) | {
        "seconds": round(seconds, 1),
        "steps": fitted.history.steps,
        "held_out": fitted.held_out,
        "train": {"pairs": len(job.data), "prompts": len(job.data["prompt_index"].unique())},
        "test": {"pairs": len(test), "prompts": len(set(prompts))},
        "metrics": {name: found[name].value for name in METRICS},
        "latents": latents(fitted, job, test),
        "prompts_of_test": prompts,
        "p": [round(float(value), 7) for value in p],
    }


@torch.no_grad()
def latents(fitted: Fitted, job: PairJob, test: Batch) -> dict[str, Any]:
    """What became of the weights: their divergence, what they buy, and whether they follow the attributes of new prompts."""
    model = fitted.model
    if not isinstance(model, VRMModel):
        return {}
    found = collapse(model, fitted.guide, job.data)
    kept: dict[str, Any] = {"kl": {k: sum(v) for k, v in found["kl"].items()}, "weights_sd": found["weights_sd"]}
    kept |= fitted.statistics
    if "scores" in test and model.shape.attributes:
        kept["correlation"] = _correlation(model, fitted.draws, test)
    return kept


def _correlation(model: VRMModel, draws: dict[str, Tensor], test: Batch) -> float:
    """Pearson's, of E[w] with the target averaged over a test prompt's pairs, over all prompts and attributes less the attributes' means."""
    target = targets(test["scores"])
    k = target.shape[1]
    with own_random_stream(0):
        mean = weight_draws(model, draws, test["prompt"], 500).mean(0)[:, :k]
    _, place = torch.unique(test["prompt_index"], return_inverse=True)
    averaged = [_by(place, value) for value in (mean, target)]
    a, b = ((value - value.mean(0)).flatten() for value in averaged)
    return float(torch.corrcoef(torch.stack([a, b]))[0, 1])


def _by(place: Tensor, value: Tensor) -> Tensor:
    count = int(place.max()) + 1
    total = torch.zeros(count, value.shape[1]).index_add_(0, place, value)
    return total / torch.bincount(place, minlength=count)[:, None]


def _sides(data: Encoded, rows: np.ndarray) -> tuple[Tensor, Tensor, Tensor]:
    at = torch.from_numpy(rows)
    return data.sides[0][at], data.sides[1][at], data.sides[2][at]
