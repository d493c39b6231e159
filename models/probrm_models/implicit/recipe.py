"""The implicit model on files: fit, score, evaluate, inspect."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from probrm.config import FitConfig, read_data
from probrm.data import Batch, Conversation, LogSpec, file_hash, read_log, split_rows
from probrm.data.logs.presets import PRESETS
from probrm.encoders import Encoder, encode_all
from probrm.errors import ConfigError
from probrm.guides import GuideLike
from probrm.inference import Fitted, Laplace, fit
from probrm.inference.device import resolve_device
from probrm.inference.settings import InferenceConfig, inference_config
from probrm.inference.svi.checkpoint import Checkpoint
from probrm.posterior import Rewards, predict_rewards
from probrm.progress import Progress, silent
from probrm.recipes.encoding import run_vectors, vectors_now
from probrm.recipes.logs.action_inputs import check_several
from probrm.recipes.logs.fitted_rows import fitted_log, row_rewards
from probrm.recipes.logs.inputs import ImplicitInputs
from probrm.recipes.logs.scoring import scored_batch, without_actions
from probrm.recipes.observed import observed_actions
from probrm.recipes.provenance import approximation, fit_record, fitted_source, guide_note, position, posterior_of
from probrm.recipes.recipe import Recipe
from probrm.recipes.score_table import with_scores
from probrm.runs.fitted_rows import FittedRows, RowPredictions
from probrm.runs.run import Run
from probrm_models.implicit.checks import check_contradictions, check_form, check_priors, mean_preference
from probrm_models.implicit.config import ImplicitConfig
from probrm_models.implicit.fit import fit_implicit
from probrm_models.implicit.identifiability.assumptions import Assumptions
from probrm_models.implicit.identifiability.facts import row_facts
from probrm_models.implicit.identifiability.refusal import not_identified
from probrm_models.implicit.inspection import inspect_row
from probrm_models.implicit.multi_action.inspection import inspect_several
from probrm_models.implicit.multi_action.model import SeveralActionsModel, implicit_from_spec
from probrm_models.implicit.naive import NaiveModel

if TYPE_CHECKING:
    from probrm.evaluation import Evaluation, Predictions


class ImplicitRecipe(Recipe):
    """Log of actions → reward model."""

    kind = "implicit"
    titles: ClassVar[Mapping[str, str]] = {
        "reward.reward": "reward (logit)",
        "reward.probability": "probability of preference",
        "strata.*": "stratum {}",
        "propensity_log_odds.*": "propensity: {} (log-odds)",
        "propensity": "propensity to act",
    }

    def data_settings(self) -> dict[str, Any]:
        """Defaults of ``[data]``."""
        return LogSpec().to_dict()

    def read_spec(self, settings: Mapping[str, Any]) -> LogSpec:
        """``[data]`` as the way of reading a log."""
        return read_data(LogSpec, settings, presets=PRESETS)

    def model_settings(self) -> dict[str, Any]:
        """Defaults of ``[model]``."""
        return ImplicitConfig().to_dict()

    def check_model(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """``[model]`` in full."""
        config = ImplicitConfig.from_dict(settings)
        check_priors(config)
        Assumptions.parse(config.assume)
        return config.to_dict()

    def fit(
        self,
        source: str,
        config: FitConfig,
        *,
        embeddings: str | Encoder | None = None,
        checkpoint: Path | None = None,
        progress: Progress = silent,
    ) -> Run:
        """Reads the log, encodes it, fits the model and the naive one beside it."""
        settings = ImplicitConfig.from_dict(config.model)
        log = read_log(source, config.data)
        check_contradictions(log, settings.action)
        check_several(log, settings.action)
        check_form(log, settings, config.guide.name)
        device = resolve_device(config.device)  # before the long part, not after it
        observed = partial(observed_actions, log, log.conversations)
        encoded = encode_all(log.conversations, config.encoder, device=device, embeddings=embeddings, observed=observed, progress=progress)
        vectors = encoded.vectors
        inputs = ImplicitInputs.fit(log, vectors)
        data = inputs.batch(log, vectors)
        parts = None
        if config.held_out > 0:
            prompts = [c.prompt_text for c in log.conversations]
            users = None if log.user is None else list(log.user)
            parts = split_rows(prompts, users, fraction=config.held_out, seed=config.seed)
        train = data.subset(torch.from_numpy(parts.train)) if parts else data
        held_out = data.subset(torch.from_numpy(parts.held_out)) if parts else None
        common = {"seed": config.seed, "device": device, "progress": progress}
        digest = file_hash(source)
        found = fit_implicit(
            data,
            inputs.shape,
            settings,
            held_out=parts.held_out if parts else None,
            guide=config.guide,
            inference=config.inference,
            starts=config.starts,
            facts=row_facts(log),
            checkpoint=Checkpoint.of(checkpoint, config.to_dict(), digest, encoded.key) if checkpoint else None,
            **common,
        )
        naive = fit(
            NaiveModel(inputs.shape, settings),
            train,
            held_out=held_out,
            inference=Laplace(refit=config.inference.refit),
            starts=1,
            densities=False,
            **common,
        )
        verdict = found.identifiability
        record = fit_record(
            source=source,
            digest=digest,
            rows=len(log),
            columns=log.table.column_names,
            notes=log.notes + encoded.notes + guide_note(config) + verdict["notes"],
            encoded=encoded,
            embeddings=embeddings,
            seconds=found.fitted.seconds,
        )

        def run(fitted: Fitted) -> Run:
            diagnostics = {
                "held_out_log_likelihood": fitted.held_out,
                "held_out_rows": len(parts.held_out) if parts else 0,
                "naive_held_out_log_likelihood": naive.held_out,
                "elbo": fitted.history.records[-1]["elbo"] if fitted.history.records else None,
                "steps": fitted.history.steps,
                "mean_preference": mean_preference(fitted, data),
                **fitted.statistics,
                **approximation(fitted),
            }
            return Run(
                kind=self.kind,
                config=config.to_dict(),
                **posterior_of(fitted),
                inputs=inputs,
                baseline=(naive.model, naive.draws),
                record=record,
                metrics={"diagnostics": diagnostics, "identifiability": verdict},
                split=[str(i) for i in log.row_id[parts.held_out]] if parts else [],
            )

        if verdict["verdict"] == "not identified" and not verdict["named"]:
            raise not_identified(verdict, [run(fitted) for fitted in (found.fitted, *found.rivals)])
        return run(found.fitted)

    def restore(self, spec: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> tuple[Any, Any, Any]:
        """Model, inputs and baseline of a saved run."""
        baseline = NaiveModel.from_spec(spec["baseline"]) if spec["baseline"] else None
        return implicit_from_spec(spec["model"]), ImplicitInputs.restore(spec["inputs"], tensors), baseline

    def score(
        self, run: Run, source: str, spec: LogSpec, *, embeddings: str | Encoder | None = None, progress: Progress = silent
    ) -> tuple[pa.Table, list[str]]:
        """All rows of the file in their order; those without usable texts get missing values."""
        log = read_log(source, without_actions(spec), require=(), min_rows=1, drop_unshown=False)
        batch, notes = scored_batch(run, log, embeddings, progress)
        rewards = predict_rewards(run.model, run.draws, batch, progress=progress)
        columns = ("reward", "reward_sd", "reward_low", "reward_high", "probability")
        table, told = with_scores(log.table, log.rows, {name: getattr(rewards, name) for name in columns})
        return table, notes + told

    def evaluate(
        self,
        run: Run,
        source: str,
        spec: LogSpec,
        *,
        embeddings: str | Encoder | None = None,
        bootstrap: int = 1000,
        seed: int = 0,
        progress: Progress = silent,
    ) -> tuple[Evaluation, list[str]]:
        """The reward model and the naive one against the file's ``label``."""
        from probrm.evaluation import Sample, evaluate  # scikit-learn: a second that no other command waits for

        log = read_log(source, without_actions(spec, "label", "weight", "true_probability", "shown"), require=("label",), min_rows=1)
        assert log.label is not None
        keep = ~np.isnan(log.label)
        batch, notes = scored_batch(run, log, embeddings, progress)
        if run.metrics["identifiability"]["labels"] and file_hash(source) == run.record["data"]["sha256"]:
            notes = [
                *notes,
                "these labels took part in the fit of the reward model, not of the naive one: its advantage here is no evidence; give other rows",
            ]
        rewards = predict_rewards(run.model, run.draws, batch, progress=progress)
        prompts = [c.prompt_text for c, k in zip(log.conversations, keep, strict=True) if k]
        truth = None if log.true_probability is None else log.true_probability[keep]
        sample = Sample.of(log.label[keep], groups=prompts, weight=log.weight[keep], true_probability=truth)
        model = _predictions(rewards, keep)
        beside = _predictions(predict_rewards(*run.baseline, batch, progress=progress), keep) if run.baseline else None
        return evaluate(sample, model, beside, bootstrap=bootstrap, seed=seed, progress=progress), notes

    def reward(
        self,
        run: Run,
        conversations: Sequence[Conversation],
        *,
        embeddings: str | Encoder | None = None,
        cache: bool = False,
        progress: Progress = silent,
    ) -> Rewards:
        """Rewards of conversations given in code.

        Raises:
            ConfigError: the run's reward head has covariates, which a text alone does not carry.
        """
        if run.inputs.reward.names:
            raise ConfigError(
                f"the run's reward has covariates ({', '.join(run.inputs.reward.names)}), which texts alone do not carry",
                fix="score a file that has them: probrm score RUN --data FILE --out FILE",
            )
        n = len(conversations)
        vectors = (
            run_vectors(run, conversations, embeddings=embeddings, progress=progress).vectors
            if cache or embeddings
            else vectors_now(run, conversations, progress=progress)
        )
        batch = Batch({"embedding": run.inputs.scaled(vectors), "reward_covariates": torch.zeros(n, 0)}, n)
        return predict_rewards(run.model, run.draws, batch, progress=progress)

    def headline(self, run: Run) -> list[str]:
        """How much of the log is preferred, and how well its held-out actions are foretold."""
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
        log = read_log(fitted_source(run), self.read_spec(run.config["data"]))
        at = position(log.row_id, row, "log has")
        store = run.record["encoder"]["embeddings"]
        vectors = run_vectors(run, [log.conversations[at]], embeddings=store, progress=progress).vectors
        whole = run.inputs.batch(log, vectors.expand(len(log), -1))
        one = whole.subset(torch.tensor([at]))
        if not isinstance(run.model, SeveralActionsModel):
            return inspect_row(run, log, at, one)
        conversation = log.conversations[at]
        told = {"row": row, "prompt": conversation.prompt_text, "response": conversation.response}
        return told | inspect_several(run.model, run.draws, one)

    def fitted_rows(self, run: Run, *, progress: Progress = silent) -> FittedRows:
        """The log again."""
        return fitted_log(run, self, progress=progress)

    def row_predictions(self, run: Run, rows: FittedRows, *, progress: Progress = silent) -> RowPredictions:
        """Rewards."""
        return row_rewards(run, rows, progress=progress)

    def refit(
        self,
        run: Run,
        batch: Batch,
        *,
        guide: GuideLike = "auto-normal",
        inference: str | InferenceConfig = "svi",
        seed: int = 0,
        progress: Progress = silent,
    ) -> Fitted:
        """The whole fit again, the level of the rewards and the search for the mode included."""
        settings = ImplicitConfig.from_dict(run.config["model"])
        common = {"guide": guide, "inference": inference_config(inference), "seed": seed, "progress": progress}
        return fit_implicit(batch, run.inputs.shape, settings, starts=1, **common).fitted

    def figures(self, run: Run, rows: FittedRows | None = None) -> dict[str, Any]:
        """Figures of the posterior by file stem."""
        from probrm_models.implicit.figures import figures  # matplotlib: half a second

        return figures(run, rows)


def _predictions(rewards: Rewards, keep: np.ndarray) -> Predictions:
    from probrm.evaluation import Predictions

    return Predictions.of(
        rewards.probability[keep], score=rewards.reward[keep], low=rewards.probability_low[keep], high=rewards.probability_high[keep]
    )
