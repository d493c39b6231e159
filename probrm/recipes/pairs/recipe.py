"""What all models of pairs share on files: fit, score, evaluate, inspect."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from probrm.config import FitConfig, read_data
from probrm.data import Batch, Conversation, Pairs, PairSpec, file_hash, read_log, read_pairs, read_table, split_rows
from probrm.data.pairs.formats import PRESETS
from probrm.encoders import Encoder, encode_all
from probrm.inference import Fitted
from probrm.inference.device import resolve_device
from probrm.inference.svi.checkpoint import Checkpoint
from probrm.posterior import Rewards
from probrm.progress import Progress, silent
from probrm.recipes.encoding import run_vectors, vectors_now
from probrm.recipes.observed import observed_pairs
from probrm.recipes.pairs.evaluation import PairRows, pair_rows
from probrm.recipes.pairs.files import is_pairs, pair_batch, read_scored_pairs, single_batch, single_spec, single_texts, split_sides
from probrm.recipes.pairs.fitted_rows import fitted_pairs, pair_probabilities
from probrm.recipes.pairs.inputs import PairInputs, pair_texts
from probrm.recipes.pairs.inspection import inspect_pair
from probrm.recipes.pairs.job import PairFit
from probrm.recipes.pairs.model import PairModel
from probrm.recipes.pairs.pac_bayes import certified
from probrm.recipes.pairs.predictions import preference_probabilities, response_rewards
from probrm.recipes.pairs.repeats import coin_note, margin_note, occurrences
from probrm.recipes.provenance import approximation, fit_record, fitted_source, guide_note, position, posterior_of
from probrm.recipes.recipe import Recipe
from probrm.recipes.score_table import with_scores
from probrm.runs.fitted_rows import FittedRows, RowPredictions
from probrm.runs.run import Run


class PairRecipe(Recipe):
    """Pairs → reward model. A model adds its settings and the three hooks: ``check_pairs``, ``fit_pairs``, ``fit_baseline``.

    Attributes:
        model_class: of the model.
        baseline_class: of what it has to beat.
        units: of the model's single quantities, for figures.
        shown_first: quantities that the figure of weak directions has in any case.
        weights: sites of weights over the features, with their titles in figures.
    """

    unit = "pairs"
    fitted_to = "pairs"
    model_class: ClassVar[type[PairModel]]
    baseline_class: ClassVar[type[PairModel]]
    units: ClassVar[Mapping[str, str]] = {}
    shown_first: ClassVar[tuple[str, ...]] = ()
    weights: ClassVar[Mapping[str, str]] = {}
    titles: ClassVar[Mapping[str, str]] = {
        "reward.*": "reward of the {} response (logit)",
        "p_chosen": "probability that the chosen response is preferred",
    }

    # ---- what a model adds

    @abstractmethod
    def fit_pairs(self, job: PairFit) -> Fitted:
        """The fitted model."""

    @abstractmethod
    def fit_baseline(self, job: PairFit) -> Fitted | None:
        """What it has to beat, fitted to the same pairs; None where there is nothing."""

    def check_pairs(self, config: FitConfig, pairs: Pairs) -> None:
        """Refuses, before anything is encoded, pairs that the model cannot be fitted to.

        Raises:
            DataError: says what is the matter with them.
        """
        return

    def findings(self, job: PairFit, fitted: Fitted) -> dict[str, Any]:
        """More tables for the run's metrics, ``{"identifiability": {"notes": […]}, "pac_bayes": {…}}``.

        What is in a table that the recipe makes itself (``diagnostics``, ``identifiability``) is added to it; all ``notes`` of
        ``identifiability`` are told after the fit.
        """
        return {}

    def discounts(self, run: Run) -> bool:
        """Whether pairs that share their responses counted for less than one each: see ``repeats.shares``."""
        return False

    def more_scores(self, run: Run, batch: Batch) -> dict[str, np.ndarray]:
        """Columns that ``score`` writes before the contract's, ``(n,)`` each."""
        return {}

    def more_about(self, run: Run, pair: Batch) -> dict[str, Any]:
        """What else ``inspect`` tells of one pair: plain types, in nested tables."""
        return {}

    # ---- what they share

    def data_settings(self) -> dict[str, Any]:
        """Defaults of ``[data]``."""
        return PairSpec().to_dict()

    def read_spec(self, settings: Mapping[str, Any]) -> PairSpec:
        """``[data]`` as the way of reading pairs."""
        return read_data(PairSpec, settings, presets=PRESETS)

    def fit(
        self,
        source: str,
        config: FitConfig,
        *,
        embeddings: str | Encoder | None = None,
        checkpoint: Path | None = None,
        progress: Progress = silent,
    ) -> Run:
        """Reads the pairs, encodes them, fits the model and its baseline beside it."""
        pairs = read_pairs(source, config.data)
        self.check_pairs(config, pairs)
        device = resolve_device(config.device)  # before the long part, not after it
        texts = pair_texts(pairs, config.encoder, prompts=self.model_class.uses_prompts)
        observed = partial(observed_pairs, pairs, texts, prompts=self.model_class.uses_prompts and config.encoder.text == "pair")
        encoded = encode_all(texts, config.encoder, device=device, embeddings=embeddings, observed=observed, progress=progress)
        sides = split_sides(encoded.vectors, len(pairs))
        inputs = PairInputs.fit(pairs, *sides)
        data = inputs.batch(pairs, *sides)
        parts = None
        if config.held_out > 0:
            parts = split_rows([c.prompt_text for c in pairs.chosen], None, fraction=config.held_out, seed=config.seed)
        digest = file_hash(source)
        job = PairFit(
            config=config,
            pairs=pairs,
            inputs=inputs,
            data=data,
            train=data.subset(torch.from_numpy(parts.train)) if parts else data,
            held_out=data.subset(torch.from_numpy(parts.held_out)) if parts else None,
            device=device,
            checkpoint=Checkpoint.of(checkpoint, config.to_dict(), digest, encoded.key) if checkpoint else None,
            progress=progress,
        )
        fitted = self.fit_pairs(job)
        baseline = self.fit_baseline(job)
        metrics: dict[str, Any] = {
            "diagnostics": {
                "held_out_log_likelihood": fitted.held_out,
                "held_out_rows": len(job.held_out or ()),
                "baseline_held_out_log_likelihood": baseline.held_out if baseline else None,
                "elbo": fitted.history.records[-1]["elbo"] if fitted.history.records else None,
                "steps": fitted.history.steps,
                **fitted.statistics,
                **approximation(fitted),
            },
            "identifiability": {**occurrences(data), "notes": []},
        }
        if config.model.get("certificate"):
            metrics["pac_bayes"] = {"global": certified(data, inputs.spread, config.seed)}
        for name, found in self.findings(job, fitted).items():
            metrics[name] = {**metrics.get(name, {}), **found}
        notes = [*margin_note(pairs), *encoded.notes, *guide_note(config), *metrics["identifiability"]["notes"]]
        record = fit_record(
            source=source,
            digest=digest,
            rows=len(pairs),
            columns=pairs.table.column_names,
            notes=pairs.notes + notes + coin_note(fitted.held_out, ties=bool((data["outcome"] == 0.5).any())),
            encoded=encoded,
            embeddings=embeddings,
            seconds=fitted.seconds,
        )
        return Run(
            kind=self.kind,
            config=config.to_dict(),
            **posterior_of(fitted),
            inputs=inputs,
            baseline=(baseline.model, baseline.draws) if baseline else None,
            record=record,
            metrics=metrics,
            split=[str(i) for i in pairs.row_id[parts.held_out]] if parts else [],
        )

    def restore(self, spec: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> tuple[PairModel, PairInputs, PairModel | None]:
        """Model, inputs and baseline of a saved run."""
        baseline = self.baseline_class.from_spec(spec["baseline"]) if spec["baseline"] else None
        model = self.model_class.from_spec(spec["model"])
        assert isinstance(model, PairModel)
        assert baseline is None or isinstance(baseline, PairModel)
        return model, PairInputs.restore(spec["inputs"], tensors), baseline

    def score(
        self, run: Run, source: str, spec: PairSpec, *, embeddings: str | Encoder | None = None, progress: Progress = silent
    ) -> tuple[pa.Table, list[str]]:
        """All rows of the file in their order; those without usable texts get missing values.

        A file of pairs gets ``p_chosen``, ``p_chosen_low`` and ``p_chosen_high``; one of single responses ``reward``, ``reward_sd``,
        ``reward_low``, ``reward_high`` and ``probability``, that of a fair win against the average fitted response.
        """
        there = read_table(source).column_names
        if is_pairs(there, spec):
            pairs = read_scored_pairs(source, spec, there)
            batch, notes = pair_batch(run, pairs, embeddings=embeddings, progress=progress)
            found = preference_probabilities(_model(run), run.draws, batch, seed=run.config["seed"], progress=progress)
            table, told = with_scores(pairs.table, pairs.rows, self.more_scores(run, batch) | asdict(found))
            return table, pairs.notes + notes + told
        log = read_log(source, single_spec(spec), require=(), min_rows=1, drop_unshown=False)
        encoded = run_vectors(run, single_texts(run, log.conversations), embeddings=embeddings, progress=progress)
        batch = single_batch(run, encoded.vectors, len(log))
        rewards = response_rewards(_model(run), run.draws, batch, seed=run.config["seed"], progress=progress)
        columns = self.more_scores(run, batch) | {
            name: getattr(rewards, name) for name in ("reward", "reward_sd", "reward_low", "reward_high", "probability")
        }
        table, told = with_scores(log.table, log.rows, columns)
        return table, log.notes + encoded.notes + told

    def truth_rows(
        self,
        run: Run,
        source: str,
        spec: PairSpec,
        *,
        embeddings: str | Encoder | None = None,
        baseline: bool = False,
        progress: Progress = silent,
    ) -> PairRows:
        """The file's pairs."""
        return pair_rows(run, source, spec, embeddings=embeddings, baseline=baseline, progress=progress)

    def reward(
        self,
        run: Run,
        conversations: Sequence[Conversation],
        *,
        embeddings: str | Encoder | None = None,
        cache: bool = False,
        progress: Progress = silent,
    ) -> Rewards:
        """Rewards of conversations given in code."""
        texts = single_texts(run, conversations)
        vectors = (
            run_vectors(run, texts, embeddings=embeddings, progress=progress).vectors
            if cache or embeddings
            else vectors_now(run, texts, progress=progress)
        )
        batch = single_batch(run, vectors, len(conversations))
        return response_rewards(_model(run), run.draws, batch, seed=run.config["seed"], progress=progress)

    def inspect(self, run: Run, row: str, *, progress: Progress = silent) -> dict[str, Any]:
        """One pair of the fitted file, read from it again."""
        pairs = read_pairs(fitted_source(run), self.read_spec(run.config["data"]))
        at = position(pairs.row_id, row, "pairs have")
        pair = pairs.take(torch.tensor([at]).numpy())
        batch, _ = pair_batch(run, pair, embeddings=run.record["encoder"]["embeddings"], progress=progress)
        return inspect_pair(run, pair, batch) | self.more_about(run, batch)

    def headline(self, run: Run) -> list[str]:
        """How well held-out pairs are foretold."""
        found = run.metrics["diagnostics"]
        if not found["held_out_rows"]:
            return []
        baseline = found["baseline_held_out_log_likelihood"]
        beside = f"; the {run.baseline[0].kind} model: {baseline:.4f}" if run.baseline and baseline is not None else ""
        ours = found["held_out_log_likelihood"]
        return [f"log-likelihood of {found['held_out_rows']} held-out pairs, nats a pair: {ours:.4f}{beside}; a coin: -0.6931"]

    def fitted_rows(self, run: Run, *, progress: Progress = silent) -> FittedRows:
        """The pairs again."""
        return fitted_pairs(run, self.read_spec(run.config["data"]), discounted=self.discounts(run), progress=progress)

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
