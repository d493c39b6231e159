"""Records as numbers: means over seeds with their standard errors, first places, and the share of the gap that is closed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from benchmarks.implicit.store import Results
from benchmarks.implicit.tasks import Task

HIGHER = frozenset({"auroc", "pair_accuracy", "coverage", "r2"})
INFORMED = frozenset({"oracle", "known-propensity"})
"""Methods that know what no log tells; they take no place."""
NAIVE, KNOWN = "naive-bayes", "known-propensity"
"""Ends of the gap: the same Bayesian regression without a propensity, and with the true ones."""


@dataclass(frozen=True)
class Mean:
    """A mean over seeds.

    Attributes:
        value: the mean.
        error: its standard error; NaN from one seed.
        count: of the seeds.
    """

    value: float
    error: float
    count: int


def index(results: Results) -> dict[Task, dict[int, dict[str, Any]]]:
    """Setting and method (a task with seed 0) → seed → record; records with an error are left out."""
    found: dict[Task, dict[int, dict[str, Any]]] = {}
    for task, record in results.items():
        if "error" not in record:
            found.setdefault(replace(task, seed=0), {})[task.seed] = record
    return found


def values(records: Mapping[int, dict[str, Any]], metric: str) -> dict[int, float]:
    """A metric by seed, where it is defined."""
    return {seed: r["metrics"][metric] for seed, r in records.items() if r["metrics"][metric] is not None}


def mean(numbers: Iterable[float]) -> Mean:
    """The mean with its standard error."""
    found = np.array(list(numbers), dtype=np.float64)
    if not len(found):
        return Mean(np.nan, np.nan, 0)
    return Mean(float(found.mean()), float(found.std(ddof=1) / np.sqrt(len(found))) if len(found) > 1 else np.nan, len(found))


def pooled(means: Iterable[Mean]) -> Mean:
    """The mean over data sets of their means, with the standard error that the seeds give it."""
    found = list(means)
    if not found:
        return Mean(np.nan, np.nan, 0)
    error = np.sqrt(sum(one.error**2 for one in found)) / len(found)
    return Mean(float(np.mean([one.value for one in found])), float(error), sum(one.count for one in found))


def places(means: Mapping[str, Mean], metric: str) -> dict[str, int]:
    """1 for the first of the methods that know no more than the log, 2 for those within one standard error of it (the first's), else 0."""
    sign = -1.0 if metric in HIGHER else 1.0
    entered = {name: sign * one.value for name, one in means.items() if name not in INFORMED and np.isfinite(one.value)}
    if not entered:
        return dict.fromkeys(means, 0)
    first = min(entered, key=entered.__getitem__)
    reach = entered[first] + (0.0 if np.isnan(means[first].error) else means[first].error)
    return {name: 1 if name == first else 2 if name in entered and entered[name] <= reach else 0 for name in means}


def closed(
    naive: Mapping[int, dict[str, Any]], method: Mapping[int, dict[str, Any]], known: Mapping[int, dict[str, Any]], metric: str
) -> Mean:
    """Share of the naive model's gap to known propensities that a method closes, on the seeds that all three have.

    A ratio of means over seeds; its standard error is the jackknife's over seeds (Efron 1982). NaN where there is no gap: where the
    known propensities are no better than the naive model.
    """
    parts = [values(records, metric) for records in (naive, method, known)]
    seeds = sorted(set.intersection(*(set(part) for part in parts)))
    if not seeds:
        return Mean(np.nan, np.nan, 0)
    table = np.array([[part[seed] for part in parts] for seed in seeds])

    def ratio(rows: np.ndarray) -> float:
        a, b, c = rows.mean(0)
        return float((b - a) / (c - a))

    gap = table.mean(0)[2] - table.mean(0)[0]
    if (gap if metric in HIGHER else -gap) <= 0:
        return Mean(np.nan, np.nan, len(seeds))
    if len(seeds) == 1:
        return Mean(ratio(table), np.nan, 1)
    left_out = np.array([ratio(np.delete(table, i, 0)) for i in range(len(seeds))])
    error = np.sqrt((len(seeds) - 1) * left_out.var())
    return Mean(ratio(table), float(error), len(seeds))


def swapped(record: Mapping[str, Any], oracle: Mapping[str, Any] | None) -> bool:
    """Whether a reward stands on its head: an AUROC below one half, or a negative correlation with the oracle's reward."""
    auroc = record["metrics"]["auroc"]
    if auroc is not None and auroc < 0.5:
        return True
    if oracle is None or len(oracle["score"]) != len(record["score"]):
        return False
    score, right = np.array(record["score"]), np.array(oracle["score"])
    return bool(np.ptp(score) > 0 and np.ptp(right) > 0 and np.corrcoef(score, right)[0, 1] < 0)
