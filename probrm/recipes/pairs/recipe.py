"""What all models of pairs share on files: fit, score, evaluate, inspect."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from typing import Any, ClassVar, Unpack

import numpy as np
import pyarrow as pa
import torch
from jaxtyping import Float
from torch import Tensor

from probrm.config import FitConfig
from probrm.data import Batch, Conversation, Log, LogSpec, Pairs, PairSpec, read_pairs, read_table
from probrm.data.pairs.formats import PRESETS
from probrm.encoders import Encoded, Encoder, Observed
from probrm.errors import ConfigError
from probrm.inference import FitOptions, Fitted, fit
from probrm.posterior import Rewards
from probrm.progress import Progress, silent
from probrm.recipes.encoding import given_vectors, run_vectors
from probrm.recipes.far_rows import far_note
from probrm.recipes.job import Job
from probrm.recipes.logs.scoring import read_answers, without_actions
from probrm.recipes.observed import observed_pairs
from probrm.recipes.pairs.evaluation import PairRows, pair_rows
from probrm.recipes.pairs.files import is_pairs, pair_batch, read_scored_pairs, single_batch, single_spec, single_texts, split_sides
from probrm.recipes.pairs.fitted_rows import fitted_pairs, other_pairs, pair_probabilities
from probrm.recipes.pairs.inputs import PairInputs, pair_texts
from probrm.recipes.pairs.inspection import inspect_pair
from probrm.recipes.pairs.job import PairJob, model_columns
from probrm.recipes.pairs.link import check_link
from probrm.recipes.pairs.model import PairModel
from probrm.recipes.pairs.pac_bayes import certified
from probrm.recipes.pairs.predictions import preference_probabilities, response_rewards
from probrm.recipes.pairs.ranked_log import RankedRows, ranked_log
from probrm.recipes.pairs.repeats import chance_note, margin_note, occurrences
from probrm.recipes.pairs.same_vectors import different_sides
from probrm.recipes.provenance import fitted_source, fitted_store, position
from probrm.recipes.recipe import Recipe
from probrm.recipes.score_table import with_scores
from probrm.runs.fitted_rows import FittedRows, RowPredictions
from probrm.runs.run import Run


class PairRecipe(Recipe):
    """Pairs → reward model: with ``kind`` and ``model_class`` a recipe is whole.

    Attributes:
        units: of the model's single quantities, for figures.
        shown_first: quantities that the figure of weak directions has in any case.
        weights: sites of weights over the features, with their titles in figures.
    """

    unit = "pairs"
    fitted_to = "pairs"
    model_class: ClassVar[type[PairModel]]
    job_class: ClassVar[type[Job]] = PairJob
    inputs_class: ClassVar[Any] = PairInputs
    data_class: ClassVar[Any] = PairSpec
    presets: ClassVar[Sequence[str]] = tuple(PRESETS)
    units: ClassVar[Mapping[str, str]] = {}
    shown_first: ClassVar[tuple[str, ...]] = ()
    weights: ClassVar[Mapping[str, str]] = {}
    titles: ClassVar[Mapping[str, str]] = {
        "reward.*": "reward of the {} response (logit)",
        "p_chosen": "probability that the chosen response is preferred",
    }

    # ---- what a model may add

    def discounts(self, config: Mapping[str, Any]) -> bool:
        """Whether pairs that share their responses count for less than one each in a fit with these settings: see ``repeats.shares``."""
        return config["model"].get("repeats", "discount") == "discount"

    def more_scores(self, run: Run, batch: Batch) -> dict[str, np.ndarray]:
        """Columns that ``score`` writes before the contract's, ``(n,)`` each."""
        return {}

    def more_notes(self, run: Run) -> list[str]:
        """What ``score`` tells of the run besides notes on the file."""
        return []

    def more_about(self, run: Run, pair: Batch) -> dict[str, Any]:
        """What else ``inspect`` tells of one pair: plain types, in nested tables."""
        return {}

    # ---- what they share

    def read_rows(self, source: str, config: FitConfig) -> Pairs:
        """The pairs."""
        return read_pairs(source, config.data)

    def texts(self, rows: Pairs, config: FitConfig) -> tuple[list[Conversation], Callable[[], Observed | None]]:
        """Both sides of all pairs and, where the model sees them, their prompts."""
        prompts = self.model_class.uses_prompts
        found = pair_texts(rows, config.encoder, prompts=prompts)
        return found, partial(observed_pairs, rows, found, prompts=prompts and config.encoder.text == "pair")

    def distinguished(self, rows: Pairs, encoded: Encoded) -> tuple[Pairs, Encoded]:
        """Pairs whose sides have different vectors."""
        chosen, rejected, _ = split_sides(encoded.vectors, len(rows))
        kept = different_sides(rows, chosen, rejected, encoded.config.max_length)
        if kept.all():
            return rows, encoded
        sections = encoded.vectors.split(len(rows))  # chosen sides, rejected ones and perhaps prompts
        return rows.take(kept), replace(encoded, vectors=torch.cat([section[torch.from_numpy(kept)] for section in sections]))

    def columns(self, rows: Pairs, vectors: Float[Tensor, "t d"]) -> tuple[PairInputs, Batch]:
        """All pairs."""
        sides = split_sides(vectors, len(rows))
        inputs = PairInputs.fit(rows, *sides)
        return inputs, inputs.batch(rows, *sides)

    def groups(self, rows: Pairs) -> tuple[list[str], list[str] | None]:
        """Prompts."""
        return [c.prompt_text for c in rows.chosen], None

    def fit_model(self, job: PairJob) -> Fitted:
        """The fitted model; pairs that share their responses are discounted where the settings say so."""
        discount, model = self.discounts(job.config.to_dict()), self.build(job)
        assert isinstance(model, PairModel)
        check_link(model)
        held_out = job.held_out and model_columns(job.held_out, discount=discount)
        return fit(model, model_columns(job.train, discount=discount), held_out=held_out, **job.options)

    def refit(self, run: Run, batch: Batch, **options: Unpack[FitOptions]) -> Fitted:
        """The run's model again, with its own discount."""
        return super().refit(run, model_columns(batch, discount=self.discounts(run.config)), **options)

    def counts(self, job: PairJob) -> dict[str, dict[str, Any]]:
        """The pairs and what they repeat and, where they are asked for, PAC-Bayes bounds."""
        found: dict[str, dict[str, Any]] = {"identifiability": {**occurrences(job.data), "notes": []}}
        if job.config.model.get("certificate"):
            found["pac_bayes"] = {"global": certified(job.data, job.inputs.spread, job.config.seed)}
        return found

    def notes(self, job: PairJob, fitted: Fitted) -> list[str]:
        """That margins are not used, and that held-out pairs are predicted worse than by chance."""
        return margin_note(job.rows) + chance_note(fitted.held_out, ties=job.shape.ties)

    def score(
        self, run: Run, source: str, spec: PairSpec | LogSpec, *, embeddings: str | Encoder | None = None, progress: Progress = silent
    ) -> tuple[pa.Table, list[str]]:
        """All rows of the file in their order; those without usable texts get missing values.

        A file of pairs gets ``p_chosen``, ``p_chosen_low`` and ``p_chosen_high``; one of single responses ``reward``, ``reward_sd``,
        ``reward_low``, ``reward_high`` and ``probability``, that of a fair win against the average fitted response.
        """
        if isinstance(spec, PairSpec) and is_pairs(there := read_table(source).column_names, spec):
            pairs = read_scored_pairs(source, spec, there)
            batch, notes = pair_batch(run, pairs, embeddings=embeddings, progress=progress)
            found = preference_probabilities(_model(run), run.draws, batch, seed=run.config["seed"], progress=progress)
            table, told = with_scores(pairs.table, pairs.rows, self.more_scores(run, batch) | asdict(found))
            return table, pairs.notes + notes + far_note(run, batch) + told + self.more_notes(run)
        log, batch, notes = self.answers(run, source, spec, embeddings=embeddings, progress=progress)
        rewards = response_rewards(_model(run), run.draws, batch, seed=run.config["seed"], progress=progress)
        columns = self.more_scores(run, batch) | {
            name: getattr(rewards, name) for name in ("reward", "reward_sd", "reward_low", "reward_high", "probability")
        }
        table, told = with_scores(log.table, log.rows, columns)
        return table, notes + far_note(run, batch) + told + self.more_notes(run)

    def answers(
        self, run: Run, source: str, spec: PairSpec | LogSpec, *, embeddings: str | Encoder | None = None, progress: Progress = silent
    ) -> tuple[Log, Batch, list[str]]:
        """The answers of a file that has one a row."""
        log = read_answers(source, without_actions(spec) if isinstance(spec, LogSpec) else single_spec(spec))
        encoded = run_vectors(run, single_texts(run, log.conversations), embeddings=embeddings, progress=progress)
        return log, single_batch(run, encoded.vectors, len(log)), log.notes + encoded.notes

    def truth_rows(
        self,
        run: Run,
        source: str,
        spec: PairSpec | LogSpec,
        *,
        embeddings: str | Encoder | None = None,
        baseline: bool = False,
        progress: Progress = silent,
    ) -> PairRows | RankedRows:
        """The file's pairs, or its labelled rows."""
        if isinstance(spec, LogSpec):
            return ranked_log(run, source, spec, embeddings=embeddings, baseline=baseline, progress=progress)
        return pair_rows(run, source, spec, embeddings=embeddings, baseline=baseline, progress=progress)

    def batch_rewards(self, run: Run, batch: Batch, *, progress: Progress = silent) -> Rewards:
        """Rewards of single responses; what a model draws for each is the same again."""
        return response_rewards(_model(run), run.draws, batch, seed=run.config["seed"], progress=progress)

    def text_batch(
        self,
        run: Run,
        conversations: Sequence[Conversation],
        *,
        embeddings: str | Encoder | None = None,
        cache: bool = False,
        progress: Progress = silent,
    ) -> Batch:
        """Conversations given in code."""
        texts = single_texts(run, conversations)
        vectors = given_vectors(run, texts, embeddings=embeddings, cache=cache, progress=progress)
        return single_batch(run, vectors, len(conversations))

    def vector_batch(self, run: Run, vectors: Float[Tensor, "n d"]) -> Batch:
        """Responses of which only the vectors are known.

        Raises:
            ConfigError: the model sees prompts' own vectors, too.
        """
        if run.model.uses_prompts:
            raise ConfigError(
                f"run of model {self.kind!r}: its reward depends on the prompt's own vector, too, and not on the answer's alone",
                fix="take rewards from probrm itself (run.reward, probrm score), or fit a model without objectives to the same file",
            )
        return single_batch(run, vectors, len(vectors))

    def inspect(self, run: Run, row: str, *, progress: Progress = silent) -> dict[str, Any]:
        """One pair of the fitted file, read from it again."""
        pairs = read_pairs(fitted_source(run), self.read_spec(run.config["data"]))
        at = position(pairs.row_id, row, "pairs have")
        pair = pairs.take(torch.tensor([at]).numpy())
        batch, _ = pair_batch(run, pair, embeddings=fitted_store(run), progress=progress)
        return inspect_pair(run, pair, batch) | self.more_about(run, batch)

    def headline(self, run: Run) -> list[str]:
        """How well held-out pairs are predicted."""
        found = run.metrics["diagnostics"]
        if not found["held_out_rows"]:
            return []
        baseline = found["baseline_held_out_log_likelihood"]
        beside = f"; the {run.baseline[0].kind} model: {baseline:.4f}" if run.baseline and baseline is not None else ""
        ours = found["held_out_log_likelihood"]
        return [f"log-likelihood of {found['held_out_rows']} held-out pairs, nats a pair: {ours:.4f}{beside}; chance: -0.6931"]

    def fitted_rows(self, run: Run, *, progress: Progress = silent) -> FittedRows:
        """The pairs again."""
        return fitted_pairs(run, self.read_spec(run.config["data"]), discounted=self.discounts(run.config), progress=progress)

    def other_rows(self, run: Run, source: str, spec: PairSpec, **how: Any) -> tuple[FittedRows, list[str]]:
        """Other pairs."""
        return other_pairs(run, source, spec, **how)

    def row_predictions(self, run: Run, rows: FittedRows, *, progress: Progress = silent) -> RowPredictions:
        """Probabilities that the chosen response is preferred."""
        return pair_probabilities(run, rows, progress=progress)

    def figures(self, run: Run, rows: FittedRows | None = None) -> dict[str, Any]:
        """Figures of the posterior by file stem."""
        from probrm.recipes.pairs.figures import figures  # matplotlib: half a second

        return figures(run, rows, units=self.units, first=self.shown_first, weights=self.weights)


def _model(run: Run) -> PairModel:
    assert isinstance(run.model, PairModel)
    return run.model
