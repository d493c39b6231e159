"""The answers of a file, their lengths and a run's rewards of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from probrm.data import Batch, LogSpec, PairSpec, read_log, read_pairs
from probrm.encoders import Encoder
from probrm.inference.device import own_random_stream
from probrm.inspection.columns import columns_of
from probrm.posterior import predict_rewards
from probrm.progress import Progress, silent
from probrm.recipes.encoding import run_vectors
from probrm.recipes.logs.scoring import check_texts_suffice, scored_batch, text_batch, without_actions
from probrm.recipes.pairs.files import single_batch, single_texts
from probrm.runs.registry import find_recipe
from probrm.runs.run import Run

if TYPE_CHECKING:
    from probrm.data import Conversation, Log
    from probrm.evaluation import Evaluation
    from probrm.evaluation.length_report import LengthRows


@dataclass(frozen=True)
class RewardedLengths:
    """Answers of a file with one run's rewards.

    Attributes:
        rows: positions in the file.
        answers: their lengths, truth and prompts.
        reward: the run's posterior means, ``(n,)``.
        beside: those of its baseline, where they were asked for and there is one.
        notes: on data, encoder and the run's covariates.
    """

    rows: np.ndarray
    answers: LengthRows
    reward: np.ndarray
    beside: np.ndarray | None
    notes: list[str]

    def evaluate(self, against: RewardedLengths | None, *, bootstrap: int, seed: int, progress: Progress = silent) -> Evaluation:
        """Correlation and slopes and, against another run, differences."""
        return self.against(against.reward if against else None, bootstrap=bootstrap, seed=seed, progress=progress)

    def against(self, other: np.ndarray | None, *, bootstrap: int, seed: int, progress: Progress = silent) -> Evaluation:
        """Correlation and slopes and, against other rewards of the same answers, differences."""
        return self.answers.evaluate(self.reward, other, bootstrap=bootstrap, seed=seed, progress=progress)


def length_rows(
    run: Run,
    source: str,
    spec: PairSpec | LogSpec,
    *,
    embeddings: str | Encoder | None = None,
    baseline: bool = False,
    progress: Progress = silent,
) -> RewardedLengths:
    """Both sides of a file's pairs, or the answers of a log, labelled or not, with rewards.

    Raises:
        DataError: the file cannot be used.
        EncoderError: the encoder cannot be loaded, or is another one than the fit's.
        ConfigError: the run's reward has covariates, and the file has pairs.
    """
    from probrm.evaluation.length_report import LengthRows
    from probrm.evaluation.pair_report import decided

    if isinstance(spec, PairSpec):
        pairs = read_pairs(source, spec, fitting=False, min_pairs=1)
        kept, notes = decided(pairs.outcome, len(pairs))
        pairs = pairs.take(kept)
        texts, rows = [*pairs.chosen, *pairs.rejected], np.tile(pairs.rows, 2)
        batch, told = _text_batch(run, texts, embeddings, progress)
        truth, weight = np.repeat([1.0, 0.0], len(pairs)), np.tile(pairs.weight, 2)
        groups, notes = list(np.tile(np.arange(len(pairs)), 2)), [*notes, *pairs.notes, *told]
    else:
        log, truth = _log(source, spec)
        texts, rows, weight = list(log.conversations), log.rows, log.weight
        if find_recipe(run.kind).fitted_to == "log":
            batch, notes = scored_batch(run, log, embeddings, progress)
        else:
            batch, told = _text_batch(run, texts, embeddings, progress)
            notes = log.notes + told
        groups = [c.prompt_text for c in texts]
    answers = LengthRows(
        [len(c.response) for c in texts], truth, groups, [c.prompt_text for c in texts], weight, 2 if isinstance(spec, PairSpec) else 1
    )
    found = []
    for model, draws in [(run.model, run.draws), *([run.baseline] if baseline and run.baseline else [])]:
        with own_random_stream(int(run.config["seed"])):
            found.append(predict_rewards(model, draws, batch, progress=progress).reward)
    ours, *rest = found
    return RewardedLengths(rows, answers, ours, rest[0] if rest else None, [*_covariate(run), *notes])


def _log(source: str, spec: LogSpec) -> tuple[Log, np.ndarray | None]:
    labelled = bool(spec.columns.get("label")) or "label" in columns_of(source)
    kept = ("label", "weight", "shown") if labelled else ("weight", "shown")
    log = read_log(source, without_actions(spec, *kept), require=(), min_rows=1)
    return log, log.label


def _text_batch(run: Run, texts: list[Conversation], embeddings: str | Encoder | None, progress: Progress) -> tuple[Batch, list[str]]:
    if find_recipe(run.kind).fitted_to == "log":
        check_texts_suffice(run)
        encoded = run_vectors(run, texts, embeddings=embeddings, progress=progress)
        return text_batch(run, encoded.vectors), encoded.notes
    encoded = run_vectors(run, single_texts(run, texts), embeddings=embeddings, progress=progress)
    return single_batch(run, encoded.vectors, len(texts)), encoded.notes


def _covariate(run: Run) -> list[str]:
    """Whether the reward is one before or after a length covariate."""
    shape = run.model.shape
    if not hasattr(shape, "propensity_effects"):
        return ["the run was fitted to pairs, which have no covariates: its reward is one before any correction for length"]
    names = {"propensity": shape.propensity_effects, "reward": shape.reward_effects}
    where = [f"of the {part}" for part, effects in names.items() if "length" in effects]
    if where:
        return [f"length is a covariate {' and '.join(where)}: this is the reward after it"]
    return ["length is no covariate of the run: this is the reward before it; to see the one after it, fit with --derive length"]
