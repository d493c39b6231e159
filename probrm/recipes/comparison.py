"""What a run says of a file's rows with a known truth, so that several runs can be held against the same rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from probrm.data import file_hash, read_log, read_pairs
from probrm.encoders import Encoder
from probrm.errors import ConfigError, DataError
from probrm.posterior import predict_rewards
from probrm.progress import Progress, silent
from probrm.recipes.logs.scoring import scored_batch, without_actions
from probrm.recipes.pairs.files import pair_batch
from probrm.recipes.pairs.model import PairModel
from probrm.recipes.pairs.predictions import preference_probabilities
from probrm.recipes.pairs.recipe import PairRecipe
from probrm.runs import Run, find_recipe
from probrm_models.implicit.recipe import ImplicitRecipe

if TYPE_CHECKING:
    from probrm.evaluation import Evaluation, PairPredictions, Predictions, Sample


@dataclass(frozen=True)
class LogRows:
    """A log's rows with a verdict, and what one run says of them.

    Attributes:
        rows: ``(n,)`` positions in the file.
        sample: their truth.
        predictions: the run's; without bounds where it is a point estimate.
        notes: on data and encoder.
    """

    rows: np.ndarray
    sample: Sample
    predictions: Predictions
    notes: list[str]

    def evaluate(self, against: LogRows | None, *, bootstrap: int, seed: int, progress: Progress = silent) -> Evaluation:
        """Metrics and, against another run, differences; equal seeds draw equal resamples."""
        from probrm.evaluation import evaluate

        beside = against.predictions if against else None
        return evaluate(self.sample, self.predictions, beside, bootstrap=bootstrap, seed=seed, progress=progress)


@dataclass(frozen=True)
class PairRows:
    """A file's pairs, and what one run says of them.

    Attributes:
        rows: ``(m,)`` positions in the file.
        truth: keyword arguments of ``evaluate_pairs`` that describe the pairs.
        predictions: the run's.
        notes: on data and encoder.
    """

    rows: np.ndarray
    truth: dict[str, Any]
    predictions: PairPredictions
    notes: list[str]

    def evaluate(self, against: PairRows | None, *, bootstrap: int, seed: int, progress: Progress = silent) -> Evaluation:
        """Metrics and, against another run, differences; equal seeds draw equal resamples."""
        from probrm.evaluation import evaluate_pairs

        beside = against.predictions if against else None
        return evaluate_pairs(self.predictions, beside, **self.truth, bootstrap=bootstrap, seed=seed, progress=progress)


def log_rows(run: Run, source: str, spec: Any, *, embeddings: str | Encoder | None = None, progress: Progress = silent) -> LogRows:
    """The rows of a log with a verdict, seen by a run fitted to a log.

    Raises:
        DataError: the file cannot be used, or no row has a verdict.
        EncoderError: the encoder cannot be loaded, or is another one than the fit's.
    """
    from probrm.evaluation import Predictions, Sample  # scikit-learn: a second that no other command waits for

    log = read_log(source, without_actions(spec, "label", "weight", "true_probability", "shown"), require=("label",), min_rows=1)
    assert log.label is not None
    keep = ~np.isnan(log.label)
    batch, notes = scored_batch(run, log, embeddings, progress)
    if run.metrics["identifiability"].get("labels") and file_hash(source) == run.record["data"]["sha256"]:
        notes = [*notes, "these labels took part in the fit: they are no evidence of how good it is; give other rows"]
    rewards = predict_rewards(run.model, run.draws, batch, progress=progress)
    point = len(next(iter(run.draws.values()))) == 1
    bounds = {} if point else {"low": rewards.probability_low[keep], "high": rewards.probability_high[keep]}
    prompts = [c.prompt_text for c, kept in zip(log.conversations, keep, strict=True) if kept]
    truth = None if log.true_probability is None else log.true_probability[keep]
    sample = Sample.of(log.label[keep], groups=prompts, weight=log.weight[keep], true_probability=truth)
    return LogRows(log.rows[keep], sample, Predictions.of(rewards.probability[keep], score=rewards.reward[keep], **bounds), notes)


def pair_rows(run: Run, source: str, spec: Any, *, embeddings: str | Encoder | None = None, progress: Progress = silent) -> PairRows:
    """The pairs of a file, seen by a run fitted to pairs.

    Raises:
        DataError: the file cannot be used.
        EncoderError: the encoder cannot be loaded, or is another one than the fit's.
    """
    from probrm.evaluation import PairPredictions

    pairs = read_pairs(source, spec, fitting=False, min_pairs=1)
    batch, notes = pair_batch(run, pairs, embeddings=embeddings, progress=progress)
    if (digest := file_hash(source)) is not None and digest == run.record["data"]["sha256"]:
        notes = [*notes, "these pairs took part in the fit: they say nothing about others; give pairs of other prompts"]
    assert isinstance(run.model, PairModel)
    found = preference_probabilities(run.model, run.draws, batch, seed=run.config["seed"], progress=progress)
    prompts = [c.prompt_text for c in pairs.chosen]
    truth = {"prompts": prompts, "weight": pairs.weight, "subset": pairs.subset, "outcome": pairs.outcome}
    return PairRows(pairs.rows, truth, PairPredictions(found.p_chosen, found.p_chosen_low, found.p_chosen_high), pairs.notes + notes)


def kind_of_data(kind: str) -> str:
    """``log`` or ``pairs``: what the model called ``kind`` is fitted to.

    Raises:
        ConfigError: an unknown model, or one of another package that is built on neither recipe.
    """
    recipe = find_recipe(kind)
    for base, data in ((PairRecipe, "pairs"), (ImplicitRecipe, "log")):
        if isinstance(recipe, base):
            return data
    raise ConfigError(
        f"{kind}: a model of another package, which cannot be compared", fix="evaluate each run: probrm evaluate RUN --data FILE"
    )


def compare_runs(
    runs: dict[str, Run],
    source: str,
    specs: dict[str, Any],
    *,
    embeddings: str | Encoder | None = None,
    bootstrap: int = 1000,
    seed: int = 0,
    progress: Progress = silent,
) -> tuple[dict[str, Evaluation], list[str]]:
    """Every run against the truth in one file, on the same resamples, with differences to the first; and notes.

    Args:
        runs: by name, all fitted to logs or all to pairs.
        source: the file.
        specs: how each run reads it.
        embeddings: a store of vectors instead of the runs' encoders.
        bootstrap: resamples behind the intervals.
        seed: of the bootstrap.
        progress: shows encoding and resamples.

    Raises:
        DataError: the file cannot be used, or runs read other rows of it.
        EncoderError: a run's encoder cannot be loaded.
    """
    read = pair_rows if kind_of_data(next(iter(runs.values())).kind) == "pairs" else log_rows
    found: dict[str, Any] = {}
    for name, run in runs.items():
        found[name] = read(run, source, specs[name], embeddings=embeddings, progress=progress)
    (first, base), *others = found.items()
    for name, one in others:
        if not np.array_equal(one.rows, base.rows):
            raise DataError(
                f"{source}: {first} reads {len(base.rows)} of its rows and {name} {len(one.rows)}, which are not the same",
                fix="say what the file's columns are for all of them: --columns prompt=…,response=…",
            )
    notes = list(dict.fromkeys(f"{name}: {note}" for name, one in found.items() for note in one.notes))
    result = {
        name: one.evaluate(base if one is not base else None, bootstrap=bootstrap, seed=seed, progress=progress)
        for name, one in found.items()
    }
    return result, notes + result[first].notes
