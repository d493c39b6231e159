"""A log's rows with a known truth, and what a run says of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor

from probrm.data import Batch, file_hash, read_log
from probrm.encoders import Encoder
from probrm.model import RewardModel
from probrm.posterior import predict_rewards
from probrm.progress import Progress, silent
from probrm.recipes.logs.scoring import scored_batch, without_actions
from probrm.runs.run import Run

if TYPE_CHECKING:
    from probrm.evaluation import Evaluation, Predictions, Sample


@dataclass(frozen=True)
class LogRows:
    """Labelled rows of a log, and one run's predictions for them.

    Attributes:
        rows: ``(n,)`` positions in the file.
        sample: their truth.
        predictions: the run's; without bounds where it is a point estimate.
        beside: those of the baseline, where they were asked for and there is one.
        notes: on data and encoder.
    """

    rows: np.ndarray
    sample: Sample
    predictions: Predictions
    beside: Predictions | None
    notes: list[str]

    def evaluate(self, against: LogRows | None, *, bootstrap: int, seed: int, progress: Progress = silent) -> Evaluation:
        """Metrics and, against another run, differences; equal seeds draw equal resamples."""
        return self.against(against.predictions if against else None, bootstrap=bootstrap, seed=seed, progress=progress)

    def against(self, other: Predictions | None, *, bootstrap: int, seed: int, progress: Progress = silent) -> Evaluation:
        """Metrics and, against other predictions of the same rows, differences."""
        from probrm.evaluation import evaluate

        return evaluate(self.sample, self.predictions, other, bootstrap=bootstrap, seed=seed, progress=progress)


def log_rows(
    run: Run,
    source: str,
    spec: Any,
    *,
    embeddings: str | Encoder | None = None,
    baseline: bool = False,
    progress: Progress = silent,
) -> LogRows:
    """The labelled rows of a log, and the predictions of a run fitted to a log; with ``baseline``, by its baseline, too.

    Raises:
        DataError: the file cannot be used, or no row has a label.
        EncoderError: the encoder cannot be loaded, or is another one than the fit's.
    """
    from probrm.evaluation import Sample  # scikit-learn: a second that no other command waits for

    log = read_log(source, without_actions(spec, "label", "weight", "true_probability", "shown"), require=("label",), min_rows=1)
    assert log.label is not None
    keep = ~np.isnan(log.label)
    batch, notes = scored_batch(run, log, embeddings, progress)
    if run.metrics["identifiability"].get("labels") and file_hash(source) == run.record["data"]["sha256"]:
        notes = [*notes, "these labels took part in the fit: they are no evidence of how good it is; give other rows"]
    prompts = [c.prompt_text for c, kept in zip(log.conversations, keep, strict=True) if kept]
    truth = None if log.true_probability is None else log.true_probability[keep]
    sample = Sample.of(log.label[keep], groups=prompts, weight=log.weight[keep], true_probability=truth)
    ours = _predictions(run.model, run.draws, batch, keep, progress)
    beside = _predictions(*run.baseline, batch, keep, progress) if baseline and run.baseline else None
    return LogRows(log.rows[keep], sample, ours, beside, notes)


def _predictions(model: RewardModel, draws: Mapping[str, Tensor], batch: Batch, keep: np.ndarray, progress: Progress) -> Predictions:
    from probrm.evaluation import Predictions

    rewards = predict_rewards(model, draws, batch, progress=progress)
    point = len(next(iter(draws.values()))) == 1
    bounds = {} if point else {"low": rewards.probability_low[keep], "high": rewards.probability_high[keep]}
    return Predictions.of(rewards.probability[keep], score=rewards.reward[keep], **bounds)
