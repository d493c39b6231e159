"""What all models of logged actions share on files: reading, scoring, evaluation, predictions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from functools import partial
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import torch
from jaxtyping import Float
from torch import Tensor

from probrm.config import FitConfig
from probrm.data import Batch, Conversation, Log, LogSpec, PairSpec, read_log
from probrm.data.columns.roles import ANONYMOUS
from probrm.data.logs.presets import PRESETS
from probrm.data.logs.repeats import repeated_answers
from probrm.data.products.registry import PRODUCTS
from probrm.encoders import Encoder, Observed
from probrm.errors import ConfigError
from probrm.inference import Fitted
from probrm.posterior import predict_rewards
from probrm.progress import Progress, silent
from probrm.recipes.encoding import given_vectors, run_vectors
from probrm.recipes.far_rows import far_note
from probrm.recipes.job import Job
from probrm.recipes.logs.columns import columns_read
from probrm.recipes.logs.evaluation import LogRows, log_rows
from probrm.recipes.logs.fitted_rows import fitted_log, other_log, row_rewards
from probrm.recipes.logs.inputs import LogInputs
from probrm.recipes.logs.job import LogJob
from probrm.recipes.logs.pair_rewards import log_run_pairs, score_pairs
from probrm.recipes.logs.scoring import check_texts_suffice, read_answers, scored_batch, text_batch, without_actions
from probrm.recipes.observed import observed_actions
from probrm.recipes.pairs.evaluation import PairRows
from probrm.recipes.provenance import fitted_source, fitted_store, position
from probrm.recipes.recipe import Recipe
from probrm.recipes.score_table import with_scores
from probrm.runs.fitted_rows import FittedRows, RowPredictions
from probrm.runs.run import Run


class LogRecipe(Recipe):
    """Log of actions → reward model: with ``kind`` and ``model_class`` a recipe is whole."""

    fitted_to = "log"
    beside = "naive"
    job_class: ClassVar[type[Job]] = LogJob
    inputs_class: ClassVar[Any] = LogInputs
    data_class: ClassVar[Any] = LogSpec
    presets: ClassVar[Sequence[str]] = (*PRESETS, *PRODUCTS)
    several_actions: ClassVar[bool] = False
    """Whether the model knows several actions a row."""
    titles: ClassVar[Mapping[str, str]] = {
        "reward.reward": "reward (logit)",
        "reward.probability": "probability of preference",
        "reward.epistemic_sd": "sd of the preference that more data would remove",
        "reward.aleatoric_sd": "sd of the preference that stays",
    }

    def read_rows(self, source: str, config: FitConfig) -> Log:
        """The log.

        Raises:
            ConfigError: several actions were named, and the model knows one.
        """
        if config.data.actions and not self.several_actions:
            raise ConfigError(
                f"data.actions: the model {self.kind!r} knows one action", fix="name it with --columns action=NAME, and leave --actions out"
            )
        return read_log(source, config.data, several=self.several_actions)

    def texts(self, rows: Log, config: FitConfig) -> tuple[list[Conversation], Callable[[], Observed | None]]:
        """The answers, with their prompts."""
        return list(rows.conversations), partial(observed_actions, rows, rows.conversations)

    def columns(self, rows: Log, vectors: Float[Tensor, "t d"]) -> tuple[LogInputs, Batch]:
        """All rows."""
        inputs = LogInputs.fit(rows, vectors)
        return inputs, inputs.batch(rows, vectors)

    def groups(self, rows: Log) -> tuple[list[str], list[str] | None, np.ndarray]:
        """Prompts, users where there are some, and which rows show an answer that others show, too."""
        # What is not known is nobody's and nothing's in common: rows without a prompt or a user are held out on their own.
        prompts = [c.prompt_text or f"(row {row + 1})" for c, row in zip(rows.conversations, rows.rows, strict=True)]
        users = None
        if rows.user is not None:
            users = [f"(row {row + 1})" if user == ANONYMOUS else user for user, row in zip(rows.user, rows.rows, strict=True)]
        return prompts, users, repeated_answers(rows.conversations) >= 0

    def counts(self, job: LogJob) -> dict[str, dict[str, Any]]:
        """The explicit labels, and what the exposure audit found."""
        label, exposures = job.rows.label, job.rows.exposures
        found: dict[str, dict[str, Any]] = {
            "identifiability": {"labels": 0 if label is None else int(np.isfinite(label).sum()), "notes": []}
        }
        return found if exposures is None else found | {"exposures": exposures.to_dict()}

    def notes(self, job: LogJob, fitted: Fitted) -> list[str]:
        """Which of the named inputs the model does not read."""
        read = columns_read(fitted.model, job.data)
        names = {"reward_covariates": job.shape.reward_effects, "propensity_covariates": job.shape.propensity_effects}
        unread = [f"{', '.join(names[column])} ({column.replace('_', ' ')})" for column in names if names[column] and column not in read]
        if bool((job.data["weight"] != 1).any()) and "weight" not in read:
            unread.append("the column weight")
        told = [] if job.rows.exposures is None else [job.rows.exposures.sentence]
        return told + [f"the model {self.kind!r} does not use {what}" for what in unread]

    def inspect_row(self, run: Run, log: Log, at: int, one: Batch) -> dict[str, Any]:
        """Everything about the row ``at`` of the fitted log, whose batch is ``one``: plain types, in nested tables."""
        return reward_of_row(run, log, at, one)

    def score(
        self, run: Run, source: str, spec: LogSpec | PairSpec, *, embeddings: str | Encoder | None = None, progress: Progress = silent
    ) -> tuple[pa.Table, list[str]]:
        """All rows of the file in their order; those without usable texts get missing values. Pairs get the columns of ``PairRewards``."""
        if isinstance(spec, PairSpec):
            return score_pairs(run, source, spec, embeddings=embeddings, progress=progress)
        log, batch, notes = self.answers(run, source, spec, embeddings=embeddings, progress=progress)
        rewards = predict_rewards(run.model, run.draws, batch, progress=progress)
        columns = [field.name for field in fields(rewards)]
        table, told = with_scores(log.table, log.rows, {name: getattr(rewards, name) for name in columns})
        return table, notes + far_note(run, batch) + told

    def answers(
        self, run: Run, source: str, spec: LogSpec, *, embeddings: str | Encoder | None = None, progress: Progress = silent
    ) -> tuple[Log, Batch, list[str]]:
        """The answers of a file with the reward's covariates."""
        log = read_answers(source, without_actions(spec))
        return log, *scored_batch(run, log, embeddings, progress)

    def truth_rows(
        self,
        run: Run,
        source: str,
        spec: LogSpec | PairSpec,
        *,
        embeddings: str | Encoder | None = None,
        baseline: bool = False,
        progress: Progress = silent,
    ) -> LogRows | PairRows:
        """The file's labelled rows, or its pairs."""
        if isinstance(spec, PairSpec):
            return log_run_pairs(run, source, spec, embeddings=embeddings, baseline=baseline, progress=progress)
        return log_rows(run, source, spec, embeddings=embeddings, baseline=baseline, progress=progress)

    def text_batch(
        self,
        run: Run,
        conversations: Sequence[Conversation],
        *,
        embeddings: str | Encoder | None = None,
        cache: bool = False,
        progress: Progress = silent,
    ) -> Batch:
        """Conversations given in code.

        Raises:
            ConfigError: the run's reward head has covariates, which a text alone does not carry.
        """
        check_texts_suffice(run)
        return text_batch(run, given_vectors(run, conversations, embeddings=embeddings, cache=cache, progress=progress))

    def vector_batch(self, run: Run, vectors: Float[Tensor, "n d"]) -> Batch:
        """Answers of which only the vectors are known.

        Raises:
            ConfigError: the run's reward head has covariates.
        """
        check_texts_suffice(run)
        return text_batch(run, vectors)

    def headline(self, run: Run) -> list[str]:
        """How much of the log is preferred, and how well its held-out actions are predicted."""
        found, verdict, lines = run.metrics["diagnostics"], run.metrics["identifiability"], []
        if "verdict" in verdict:  # a baseline on the same logs has none
            lines.append(f"verdict: {verdict['verdict']}: {'; '.join(verdict['reasons'])}")
        if share := found.get("mean_preference"):
            lines.append(f"share of the log's answers that are preferred: {share['mean']:.3f} [{share['low']:.3f}, {share['high']:.3f}]")
        if found["held_out_rows"]:
            naive = found.get("naive_held_out_log_likelihood")
            several = run.inputs.actions  # of which the naive model sees one
            beside = f"; the naive model: {naive:.4f}" if naive is not None and not several else ""
            ours = found["held_out_log_likelihood"]
            lines.append(f"log-likelihood of {found['held_out_rows']} held-out actions, nats a row: {ours:.4f}{beside}")
        return lines

    def inspect(self, run: Run, row: str, *, progress: Progress = silent) -> dict[str, Any]:
        """One row of the fitted log, read from its file again."""
        log = read_log(fitted_source(run), self.read_spec(run.config["data"]), several=self.several_actions)
        at = position(log.row_id, row, "log has")
        store = fitted_store(run)
        vectors = run_vectors(run, [log.conversations[at]], embeddings=store, progress=progress).vectors
        whole = run.inputs.batch(log, vectors.expand(len(log), -1))
        return self.inspect_row(run, log, at, whole.subset(torch.tensor([at])))

    def fitted_rows(self, run: Run, *, progress: Progress = silent) -> FittedRows:
        """The log again."""
        return fitted_log(run, self, progress=progress)

    def other_rows(self, run: Run, source: str, spec: LogSpec, **how: Any) -> tuple[FittedRows, list[str]]:
        """Another log."""
        return other_log(run, self, source, spec, **how)

    def row_predictions(self, run: Run, rows: FittedRows, *, progress: Progress = silent) -> RowPredictions:
        """Rewards."""
        return row_rewards(run, rows, progress=progress)


def reward_of_row(run: Run, log: Log, at: int, one: Batch) -> dict[str, Any]:
    """What every model of logs can tell of a row: its texts, its action, its reward."""
    rewards = predict_rewards(run.model, run.draws, one)
    return {
        "row": str(log.row_id[at]),
        "prompt": log.conversations[at].prompt_text,
        "response": log.conversations[at].response,
        "action": float(one["action"][0]),
        "reward": {name: float(getattr(rewards, name)[0]) for name in rewards.__dataclass_fields__},
    }
