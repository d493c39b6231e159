"""A file's pairs, and what a run says of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor

from probrm.data import Batch, file_hash, read_pairs
from probrm.encoders import Encoder
from probrm.model import RewardModel
from probrm.progress import Progress, silent
from probrm.recipes.pairs.files import pair_batch
from probrm.recipes.pairs.model import PairModel
from probrm.recipes.pairs.predictions import preference_probabilities
from probrm.runs.run import Run

if TYPE_CHECKING:
    from probrm.evaluation import Evaluation, PairPredictions


@dataclass(frozen=True)
class PairRows:
    """A file's pairs, and what one run says of them.

    Attributes:
        rows: ``(m,)`` positions in the file.
        truth: keyword arguments of ``evaluate_pairs`` that describe the pairs.
        predictions: the run's.
        beside: those of the baseline, where they were asked for and there is one.
        notes: on data and encoder.
    """

    rows: np.ndarray
    truth: dict[str, Any]
    predictions: PairPredictions
    beside: PairPredictions | None
    notes: list[str]

    def evaluate(self, against: PairRows | None, *, bootstrap: int, seed: int, progress: Progress = silent) -> Evaluation:
        """Metrics and, against another run, differences; equal seeds draw equal resamples."""
        return self.against(against.predictions if against else None, bootstrap=bootstrap, seed=seed, progress=progress)

    def against(self, other: PairPredictions | None, *, bootstrap: int, seed: int, progress: Progress = silent) -> Evaluation:
        """Metrics and, against other predictions of the same pairs, differences."""
        from probrm.evaluation import evaluate_pairs

        return evaluate_pairs(self.predictions, other, **self.truth, bootstrap=bootstrap, seed=seed, progress=progress)


def pair_rows(
    run: Run,
    source: str,
    spec: Any,
    *,
    embeddings: str | Encoder | None = None,
    baseline: bool = False,
    progress: Progress = silent,
) -> PairRows:
    """The pairs of a file, seen by a run fitted to pairs; with ``baseline``, by its baseline, too.

    Raises:
        DataError: the file cannot be used.
        EncoderError: the encoder cannot be loaded, or is another one than the fit's.
    """
    pairs = read_pairs(source, spec, fitting=False, min_pairs=1)
    batch, notes = pair_batch(run, pairs, embeddings=embeddings, progress=progress)
    if (digest := file_hash(source)) is not None and digest == run.record["data"]["sha256"]:
        notes = [*notes, "these pairs took part in the fit: they say nothing about others; give pairs of other prompts"]
    prompts = [c.prompt_text for c in pairs.chosen]
    truth = {"prompts": prompts, "weight": pairs.weight, "subset": pairs.subset, "outcome": pairs.outcome}
    seed = run.config["seed"]
    ours = _predictions(run.model, run.draws, batch, seed, progress)
    beside = _predictions(*run.baseline, batch, seed, progress) if baseline and run.baseline else None
    return PairRows(pairs.rows, truth, ours, beside, pairs.notes + notes)


def _predictions(model: RewardModel, draws: Mapping[str, Tensor], batch: Batch, seed: int, progress: Progress) -> PairPredictions:
    from probrm.evaluation import PairPredictions  # scikit-learn: a second that no other command waits for

    assert isinstance(model, PairModel)
    found = preference_probabilities(model, draws, batch, seed=seed, progress=progress)
    return PairPredictions(found.p_chosen, found.p_chosen_low, found.p_chosen_high)
