"""The implicit model on files: fit, score, evaluate, inspect."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from torch import Tensor

from probrm.config import FitConfig
from probrm.data import Batch, Log, file_hash
from probrm.encoders import Encoder
from probrm.guides import GuideLike
from probrm.inference import Fitted, Laplace, fit
from probrm.inference.device import resolve_device
from probrm.inference.settings import InferenceConfig, inference_config
from probrm.inference.svi.checkpoint import Checkpoint
from probrm.progress import Progress, silent
from probrm.recipes.logs.action_inputs import check_several
from probrm.recipes.logs.inputs import LogInputs
from probrm.recipes.logs.job import Logged
from probrm.recipes.logs.recipe import LogRecipe
from probrm.recipes.provenance import approximation, guide_note, posterior_of
from probrm.runs.fitted_rows import FittedRows
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
    pass


class ImplicitRecipe(LogRecipe):
    """Log of actions → reward model."""

    kind = "implicit"
    own_tables: ClassVar[tuple[str, ...]] = ("action",)
    titles: ClassVar[Mapping[str, str]] = {
        **LogRecipe.titles,
        "strata.*": "stratum {}",
        "propensity_log_odds.*": "propensity: {} (log-odds)",
        "propensity": "propensity to act",
    }

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

        def check(log: Log) -> None:
            check_contradictions(log, settings.action)
            check_several(log, settings.action)
            check_form(log, settings, config.guide.name)

        read = Logged.read(source, config, embeddings, progress, check=check)
        common = {"seed": config.seed, "device": resolve_device(config.device), "progress": progress}
        found = fit_implicit(
            read.data,
            read.inputs.shape,
            settings,
            held_out=read.held_out,
            guide=config.guide,
            inference=config.inference,
            starts=config.starts,
            facts=row_facts(read.log),
            checkpoint=Checkpoint.of(checkpoint, config.to_dict(), file_hash(source), read.encoded.key) if checkpoint else None,
            **common,
        )
        train, held_out = read.parts
        naive = fit(
            NaiveModel(read.inputs.shape, settings),
            train,
            held_out=held_out,
            inference=Laplace(refit=config.inference.refit),
            starts=1,
            densities=False,
            **common,
        )
        verdict = found.identifiability
        record = read.record(guide_note(config) + verdict["notes"], found.fitted.seconds)

        def run(fitted: Fitted) -> Run:
            diagnostics = {
                "held_out_log_likelihood": fitted.held_out,
                "held_out_rows": len(read.split),
                "naive_held_out_log_likelihood": naive.held_out,
                "elbo": fitted.history.records[-1]["elbo"] if fitted.history.records else None,
                "steps": fitted.history.steps,
                "mean_preference": mean_preference(fitted, read.data),
                **fitted.statistics,
                **approximation(fitted),
            }
            return Run(
                kind=self.kind,
                config=config.to_dict(),
                **posterior_of(fitted),
                inputs=read.inputs,
                baseline=(naive.model, naive.draws),
                record=record,
                metrics={"diagnostics": diagnostics, "identifiability": verdict},
                split=read.split,
            )

        if verdict["verdict"] == "not identified" and not verdict["named"]:
            raise not_identified(verdict, [run(fitted) for fitted in (found.fitted, *found.rivals)])
        return run(found.fitted)

    def restore(self, spec: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> tuple[Any, Any, Any]:
        """Model, inputs and baseline of a saved run."""
        baseline = NaiveModel.from_spec(spec["baseline"]) if spec["baseline"] else None
        return implicit_from_spec(spec["model"]), LogInputs.restore(spec["inputs"], tensors), baseline

    def inspect_row(self, run: Run, log: Log, at: int, one: Batch) -> dict[str, Any]:
        """Strata and their odds, or, of several actions, each of them."""
        if not isinstance(run.model, SeveralActionsModel):
            return inspect_row(run, log, at, one)
        conversation = log.conversations[at]
        told = {"row": str(log.row_id[at]), "prompt": conversation.prompt_text, "response": conversation.response}
        return told | inspect_several(run.model, run.draws, one)

    def doubts(self, run: Run) -> list[tuple[bool, str]]:
        """About the level, the overlap and the users."""
        from probrm_models.implicit.identifiability.report import doubts

        return doubts(run)

    def identifiability_blocks(self) -> Mapping[str, Any]:
        """The verdict's tables."""
        from probrm_models.implicit.identifiability.report import BLOCKS

        return BLOCKS

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
