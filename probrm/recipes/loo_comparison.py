"""Several runs by PSIS-LOO on the rows that all of them were fitted to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from probrm.errors import ProbrmError
from probrm.posterior import pointwise_log_likelihood
from probrm.progress import Progress, silent
from probrm.runs import Run, find_recipe

if TYPE_CHECKING:
    from probrm.evaluation.loo import Change, LeaveOneOut
    from probrm.runs.fitted_rows import FittedRows

MOST = 4000
"""Rows that are used at most: a random subsample, the same for all runs."""


@dataclass(frozen=True)
class RunLoo:
    """One run's part of a comparison.

    Attributes:
        loo: its leave-one-out density; None where it has none.
        change: difference to the reference; None for the reference itself.
        weight: in the stacked mixture of the runs.
        reason: why there is no ``loo``.
    """

    loo: LeaveOneOut | None = None
    change: Change | None = None
    weight: float | None = None
    reason: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        if self.loo is None:
            return {"elpd": None, "reason": self.reason}
        change = self.change
        return {
            "elpd": self.loo.elpd,
            "se": self.loo.se,
            "elpd_per_row": self.loo.per_row,
            "p_loo": self.loo.p_loo,
            "difference": None if change is None else {"value": change.value, "se": change.se, "verdict": change.verdict()},
            "weight": self.weight,
            "pareto_k": {"threshold": self.loo.threshold, "above": self.loo.doubtful, "highest": float(self.loo.pareto_k.max())},
            "reason": None,
        }


@dataclass(frozen=True)
class LooComparison:
    """Runs on the rows that they were fitted to.

    Attributes:
        runs: by name, in the order given.
        reference: the run that differences are from: the first that has an estimate; None where none has.
        rows: that each was fitted to.
        used: of them.
        notes: what limits the comparison.
    """

    runs: dict[str, RunLoo]
    reference: str | None = None
    rows: int = 0
    used: int = 0
    notes: list[str] = field(default_factory=list)

    @property
    def compared(self) -> bool:
        """Whether there is a difference between two runs at all."""
        return any(run.change is not None for run in self.runs.values())

    def to_dict(self) -> dict[str, Any]:
        """The object under ``loo`` of ``compare --json``."""
        models = {name: run.to_dict() for name, run in self.runs.items()}
        return {"rows": self.rows, "rows_used": self.used, "reference": self.reference, "models": models, "notes": self.notes}


def compare_loo(runs: Mapping[str, Run], *, most: int = MOST, seed: int = 0, progress: Progress = silent) -> LooComparison:
    """PSIS-LOO of each run that has draws, on the rows that the first such run was fitted to; and differences from it.

    Nothing is refused: a run that cannot take part says why.

    Args:
        runs: by name.
        most: rows that are used; where there are more, a subsample stands for all.
        seed: of the subsample.
        progress: shows reading, likelihoods and the smoothing.
    """
    from probrm.evaluation.loo import difference_in_loo, leave_one_out, stacking_weights

    found: dict[str, LeaveOneOut] = {}
    reasons: dict[str, str] = {}
    reference, base, seen, used = None, None, np.empty(0, int), np.empty(0, int)
    for name, run in runs.items():
        rows = _rows(run, progress)
        if isinstance(rows, str):
            reasons[name] = rows
            continue
        kept = np.flatnonzero(~np.asarray(rows.held_out, dtype=bool))
        if base is None:
            reference, base, seen = name, (run, rows), kept
            used = np.sort(np.random.default_rng(seed).choice(len(seen), most, replace=False)) if len(seen) > most else np.arange(len(seen))
        elif other := _other(run, rows, kept, *base, seen):
            reasons[name] = f"{other} than {reference}"
            continue
        batch = rows.batch.subset(torch.as_tensor(kept[used]))
        likelihood = pointwise_log_likelihood(run.model, run.draws, batch, progress=progress, label=f"leave-one-out: {name}")
        draws = {site: value.numpy() for site, value in run.draws.items()}
        found[name] = leave_one_out(likelihood.numpy(), draws, chains=run.chains, rows=len(seen), counts=rows.counts[kept[used]])
    weights = stacking_weights(found)
    result = {name: RunLoo(reason=reasons[name]) for name in reasons}
    for name, loo in found.items():
        change = difference_in_loo(loo, found[reference]) if reference is not None and name != reference else None
        result[name] = RunLoo(loo, change, weights[name])
    notes = []
    if len(used) < len(seen):
        notes.append(f"leave-one-out: {len(used)} of {len(seen)} rows, drawn at random, stand for all")
    return LooComparison({name: result[name] for name in runs}, reference, len(seen), len(used), notes)


def _rows(run: Run, progress: Progress) -> FittedRows | str:
    """The rows that a run was fitted to, or why it has no leave-one-out density."""
    if len(next(iter(run.draws.values()))) < 2:
        return "a point estimate: without draws there is nothing to weigh anew"
    if (reason := find_recipe(run.kind).no_loo(run)) is not None:
        return reason
    try:
        return find_recipe(run.kind).fitted_rows(run, progress=progress)
    except ProbrmError as error:
        return error.what


def _other(run: Run, rows: FittedRows, kept: np.ndarray, base: Run, its: FittedRows, seen: np.ndarray) -> str | None:
    """In what two runs' rows differ: their densities would be of different things."""
    if run.record["data"]["sha256"] != base.record["data"]["sha256"]:
        return "fitted to another file"
    if sorted(rows.observed) != sorted(its.observed):
        return f"observes something else ({', '.join(rows.observed)} and not {', '.join(its.observed)})"
    if not np.array_equal(np.asarray(rows.ids)[kept], np.asarray(its.ids)[seen]):
        return f"fitted to other rows ({len(kept)} and not {len(seen)}, or not the same)"
    same = all(_equal(np.asarray(rows.observed[name])[kept], np.asarray(its.observed[name])[seen]) for name in its.observed)
    return None if same else "reads the actions in another way"


def _equal(one: np.ndarray, other: np.ndarray) -> bool:
    return np.array_equal(one, other, equal_nan=one.dtype.kind == other.dtype.kind == "f")
