"""The labelled rows of a log, seen by a run fitted to pairs: it ranks answers and knows no probability of a label."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from probrm.data import Log, LogSpec, read_log
from probrm.encoders import Encoder
from probrm.inspection.columns import columns_of
from probrm.progress import Progress, silent
from probrm.recipes.encoding import run_vectors
from probrm.recipes.logs.evaluation import LogRows
from probrm.recipes.logs.scoring import without_actions
from probrm.recipes.pairs.files import single_batch, single_texts
from probrm.recipes.pairs.model import PairModel
from probrm.recipes.pairs.predictions import response_rewards
from probrm.runs.run import Run

if TYPE_CHECKING:
    from probrm.evaluation import Evaluation, Predictions

_RANKS = ("pair_accuracy", "auroc")
"""Metrics that ask for an order alone, the one within prompts first."""


@dataclass(frozen=True)
class RankedRows(LogRows):
    """A log's rows with a truth, and the order in which a run fitted to pairs puts them."""

    def against(self, other: Predictions | None, *, bootstrap: int, seed: int, progress: Progress = silent) -> Evaluation:
        """The metrics of ranks and, against other predictions of the same rows, their differences."""
        found = super().against(other, bootstrap=bootstrap, seed=seed, progress=progress)
        tables = {name: getattr(found, name) for name in ("metrics", "baseline", "difference")}
        kept = {name: {rank: table[rank] for rank in _RANKS if rank in table} for name, table in tables.items()}
        dropped = set(found.metrics) - set(_RANKS)
        notes = [note for note in found.notes if note.partition(":")[0] not in dropped]
        return replace(found, **kept, notes=notes)


def ranked_log(
    run: Run,
    source: str,
    spec: LogSpec,
    *,
    embeddings: str | Encoder | None = None,
    baseline: bool = False,
    progress: Progress = silent,
) -> RankedRows:
    """The rows of a log with an explicit label or, where it has none, with an action, seen by a run fitted to pairs.

    Raises:
        DataError: the file cannot be used, or has neither labels nor actions.
    """
    from probrm.evaluation import Sample  # scikit-learn: a second that no other command waits for

    log, truth, what = _read(source, spec)
    keep = ~np.isnan(truth)
    told = (
        f"the run was fitted to pairs, and the file holds a log: {what} are ranked by the reward, within a prompt (pair accuracy) and over all rows (AUROC, "
        "which also compares answers to different prompts: pairs teach nothing of that); NLL, Brier, ECE and probabilities of labels or actions are left "
        "out: they need a run fitted to a log, probrm fit implicit"
    )
    encoded = run_vectors(run, single_texts(run, log.conversations), embeddings=embeddings, progress=progress)
    batch = single_batch(run, encoded.vectors, len(log))
    prompts = [c.prompt_text for c, kept in zip(log.conversations, keep, strict=True) if kept]

    def predictions(model: PairModel, draws: dict) -> Predictions:
        from probrm.evaluation import Predictions

        rewards = response_rewards(model, draws, batch, seed=run.config["seed"], progress=progress)
        return Predictions.of(rewards.probability[keep], score=rewards.reward[keep])

    return RankedRows(
        log.rows[keep],
        Sample.of(truth[keep], groups=prompts, weight=log.weight[keep]),
        predictions(run.model, run.draws),  # type: ignore[arg-type]
        predictions(*run.baseline) if baseline and run.baseline else None,  # type: ignore[arg-type]
        [told, *log.notes, *encoded.notes],
    )


def _read(source: str, spec: LogSpec) -> tuple[Log, np.ndarray, str]:
    """The log, float32 (n,) of its labels or, without any, of its actions, and what they are called."""
    there = columns_of(source)
    labelled = bool(spec.columns.get("label")) or "label" in there
    if not labelled and (spec.columns.get("action") or "action" in there):
        log = read_log(source, without_actions(spec, "action", "weight", "shown"), require=(), min_rows=1)
        if log.action is not None:
            return log, log.action, "actions (there are no explicit labels, and an action also says when a user acts at all)"
    log = read_log(source, without_actions(spec, "label", "weight", "shown"), require=("label",), min_rows=1)
    assert log.label is not None
    return log, log.label, "explicit labels"
