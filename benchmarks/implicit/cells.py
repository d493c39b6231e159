"""One cell: a log is simulated, a method fitted, and its rewards of the test answers compared with the truth."""

from __future__ import annotations

import time
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.implicit.data import Answers, load
from benchmarks.implicit.jobs import Job, job_of
from benchmarks.implicit.methods import method
from benchmarks.implicit.tasks import Task
from probrm.errors import ProbrmError
from probrm.evaluation import Predictions, Sample, evaluate

METRICS = ("nll", "brier", "auroc", "ece", "pair_accuracy", "coverage", "mae", "rmse", "r2")


def run(task: Task, folder: Path | None, out: Path) -> dict[str, Any]:
    """The record of a cell: plain types. A method that refuses or fails leaves an ``error`` in place of its metrics."""
    job = _job(task.log, folder, out)
    record: dict[str, Any] = asdict(task) | {"rows": len(job.data), "actions": int(job.data["action"].sum()), "test": len(job.test)}
    began = time.perf_counter()
    try:
        answer = method(task.method)(job, task)
    except ProbrmError as error:
        return record | {"error": f"{type(error).__name__}: {error.what}", "exit": error.exit_code}
    except (ValueError, RuntimeError, FloatingPointError) as error:
        return record | {"error": f"{type(error).__name__}: {error}", "exit": 1}
    seconds = time.perf_counter() - began
    return record | {
        "seconds": round(seconds, 3),
        "metrics": metrics(job.truth, answer.predictions),
        "found": answer.found,
        "score": [round(float(score), 5) for score in answer.predictions.score],
    }


def metrics(truth: Sample, predictions: Predictions) -> dict[str, float | None]:
    """All of ``METRICS``; None where one is not defined."""
    found = {name: one.value for name, one in evaluate(truth, predictions, bootstrap=0).metrics.items()}
    error = truth.truth - predictions.probability
    found |= {"mae": float(np.abs(error).mean()), "rmse": float(np.sqrt((error**2).mean()))}
    found["r2"] = float(1 - (error**2).sum() / ((truth.truth - truth.truth.mean()) ** 2).sum()) if np.ptp(truth.truth) else np.nan
    return {name: None if not np.isfinite(found.get(name, np.nan)) else float(found[name]) for name in METRICS}


@lru_cache(maxsize=4)
def _answers(name: str, folder: Path | None, out: Path, seed: int) -> Answers:
    return load(name, folder, out, seed)


@lru_cache(maxsize=2)
def _job(log: Task, folder: Path | None, out: Path) -> Job:
    seed = log.seed if log.data == "synthetic" else 0
    return job_of(_answers(log.data, folder, out, seed), log)
