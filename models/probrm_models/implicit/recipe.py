"""The implicit model on files: fit, score, evaluate, inspect."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar, Unpack

from torch import Tensor

from probrm.config import FitConfig
from probrm.data import Batch, Log
from probrm.inference import FitOptions, Fitted, Laplace, fit
from probrm.model import RewardModel
from probrm.recipes.logs.action_inputs import check_several
from probrm.recipes.logs.job import LogJob
from probrm.recipes.logs.recipe import LogRecipe
from probrm.runs.fitted_rows import FittedRows
from probrm.runs.run import Run
from probrm_models.implicit.checks import check_contradictions, check_form, check_priors, mean_preference
from probrm_models.implicit.config import ImplicitConfig
from probrm_models.implicit.fit import fit_implicit
from probrm_models.implicit.identifiability.assumptions import Assumptions
from probrm_models.implicit.identifiability.facts import row_facts
from probrm_models.implicit.identifiability.refusal import not_identified
from probrm_models.implicit.inspection import inspect_row
from probrm_models.implicit.model import ImplicitModel
from probrm_models.implicit.multi_action.inspection import inspect_actions
from probrm_models.implicit.multi_action.model import MultiActionModel, implicit_from_spec
from probrm_models.implicit.naive import NaiveModel


class ImplicitRecipe(LogRecipe):
    """Log of actions → reward model."""

    kind = "implicit"
    model_class: ClassVar[type[RewardModel]] = ImplicitModel
    baseline_class: ClassVar[type[RewardModel] | None] = NaiveModel
    several_actions = True
    own_tables: ClassVar[tuple[str, ...]] = ("action",)
    titles: ClassVar[Mapping[str, str]] = {
        **LogRecipe.titles,
        "strata.*": "stratum {}",
        "propensity_log_odds.*": "propensity: {} (log-odds)",
        "propensity": "propensity to act",
    }

    def check_settings(self, settings: ImplicitConfig) -> None:
        """Priors of rates and scales, and the assumptions."""
        check_priors(settings)
        Assumptions.parse(settings.assume)

    def check(self, config: FitConfig, rows: Log) -> None:
        """Actions that contradict labels, and forms that allow neither weights nor several actions."""
        settings = self.settings(config.model)
        check_contradictions(rows, settings.action)
        check_several(rows, settings.action)
        check_form(rows, settings, config.guide.name)

    def fit(self, source: str, config: FitConfig, **how: Any) -> Run:
        """Reads the log, encodes it, fits the model and the naive one.

        Raises:
            NotIdentifiedError: the log does not tell which of several solutions holds; it has a run of each.
        """
        job = self.read(source, config, **how)
        assert isinstance(job, LogJob)
        shape = job.shape
        if job.config.guide.name == "amortised":  # works on rows, each for itself
            shape = replace(shape, repeated=0)
        found = fit_implicit(job.data, shape, self.settings(config.model), held_out=job.held, facts=row_facts(job.rows), **job.options)
        naive, verdict = self.fit_baseline(job), found.identifiability

        def run(fitted: Fitted) -> Run:
            tables = {"diagnostics": {"mean_preference": mean_preference(fitted, job.data)}, "identifiability": verdict}
            return self.run(job, fitted, naive, tables)

        if verdict["verdict"] == "not identified" and not verdict["named"]:
            raise not_identified(verdict, [run(fitted) for fitted in (found.fitted, *found.rivals)])
        return run(found.fitted)

    def fit_baseline(self, job: LogJob) -> Fitted:
        """The naive model, whose posterior is near enough to a normal one."""
        model, inference = NaiveModel(job.shape, self.settings(job.config.model)), Laplace(refit=job.config.inference.refit)
        options = job.options | {"guide": "auto-normal", "inference": inference, "starts": 1, "checkpoint": None}
        return fit(model, job.train, held_out=job.held_out, densities=False, **options)

    def restore(self, spec: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> tuple[RewardModel, Any, RewardModel | None]:
        """Model, inputs and baseline of a saved run."""
        _, inputs, baseline = super().restore(spec, tensors)
        return implicit_from_spec(spec["model"]), inputs, baseline

    def inspect_row(self, run: Run, log: Log, at: int, one: Batch) -> dict[str, Any]:
        """Strata and their odds, or, of several actions, each of them."""
        if not isinstance(run.model, MultiActionModel):
            return inspect_row(run, log, at, one)
        conversation = log.conversations[at]
        told = {"row": str(log.row_id[at]), "prompt": conversation.prompt_text, "response": conversation.response}
        return told | inspect_actions(run.model, run.draws, one)

    def doubts(self, run: Run) -> list[tuple[bool, str]]:
        """About the level, the overlap and the users."""
        from probrm_models.implicit.identifiability.report import doubts

        return doubts(run)

    def identifiability_blocks(self) -> Mapping[str, Any]:
        """The verdict's tables."""
        from probrm_models.implicit.identifiability.report import BLOCKS

        return BLOCKS

    def refit(self, run: Run, batch: Batch, **options: Unpack[FitOptions]) -> Fitted:
        """The whole fit again, the base rate and the search for the mode included."""
        settings = self.settings(run.config["model"])
        return fit_implicit(batch, run.inputs.shape, settings, **{"starts": 1, **options}).fitted

    def figures(self, run: Run, rows: FittedRows | None = None) -> dict[str, Any]:
        """Figures of the posterior by file stem."""
        from probrm_models.implicit.figures import figures  # matplotlib: half a second

        return figures(run, rows)
