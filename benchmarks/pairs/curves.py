"""Accuracy by step: one training after another, each a longer piece of the same one, without early stopping."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from benchmarks.pairs.data import Encoded
from benchmarks.pairs.fits import Task, job_of
from benchmarks.pairs.models import MODELS
from probrm.data import Batch
from probrm.inference import SVI, Fitted
from probrm.recipes.pairs.job import PairJob
from probrm.recipes.pairs.predictions import preference_probabilities

CURVES = {"bt": "deterministic Bradley–Terry", "vrm": "VRM", "published-pair": "VRM as published"}
STEPS = (1, 10, 30, 100, 300, 1000)
_NEVER = 10**9
"""Looks of patience: the rate of learning stays what it is at first."""


def curve(data: Encoded, model: str, seed: int, text: str) -> dict[str, Any]:
    """Accuracy on training pairs and on test pairs after each of ``STEPS``; the recipe's held-out prompts are in neither."""
    job, test, _ = job_of(data, Task(data.name, model, seed, text))
    found = []
    for step in STEPS:
        settings = job.config.inference
        assert isinstance(settings, SVI)
        config = replace(job.config, inference=replace(settings, max_steps=step, patience=_NEVER, refit=False))
        fitted = MODELS[model].fit(replace(job, config=config, held_out=None))
        found.append({"step": step, "train": _accuracy(fitted, job, job.train), "test": _accuracy(fitted, job, test)})
    return {"data": data.name, "model": model, "seed": seed, "text": text, "looks": found}


def _accuracy(fitted: Fitted, job: PairJob, pairs: Batch) -> float:
    p = preference_probabilities(fitted.model, fitted.draws, pairs, seed=job.config.seed).p_chosen  # type: ignore[arg-type]
    return float((p > 0.5).mean() + 0.5 * (p == 0.5).mean())
