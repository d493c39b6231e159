"""The baselines on files: the same logs, features and verbs as the implicit model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from probrm.config import FitConfig
from probrm.data import Batch, Log
from probrm.inference import Fitted
from probrm.model import RewardModel
from probrm.recipes.logs.job import LogJob
from probrm.recipes.logs.recipe import LogRecipe, reward_of_row
from probrm.runs.fitted_rows import FittedRows
from probrm.runs.run import Run
from probrm_models.baselines.config import BaselineConfig, config_from, default_config, settings_of
from probrm_models.baselines.fit import fit_baseline
from probrm_models.baselines.flags import ABOUT
from probrm_models.baselines.model import BaselineModel

_RELATIVE = ("ips", "doubly-robust", "rel-mf", "unbiased-bpr")


class BaselineRecipe(LogRecipe):
    """Log of actions → point estimate of the reward by one method of the literature."""

    model_class: ClassVar[type[RewardModel]] = BaselineModel
    baseline_class: ClassVar[type[RewardModel] | None] = BaselineModel
    titles: ClassVar[Mapping[str, str]] = {**LogRecipe.titles, "propensity": "propensity to act"}

    def defaults(self) -> dict[str, Any]:
        """One start: ``model.l2`` is what is searched over."""
        return {"starts": 1}

    def settings(self, table: Mapping[str, Any]) -> BaselineConfig:
        """Of the method."""
        return config_from(self.kind, table)

    def check_model(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """``[model]`` in full: the settings that the method uses."""
        return settings_of(self.kind, self.settings(settings))

    def check(self, config: FitConfig, rows: Log) -> None:
        """Any log will do; what a point estimate does not use is reported."""

    def fit_model(self, job: LogJob) -> Fitted:
        """The method."""
        return _fit(self.kind, job, self.settings(job.config.model))

    def fit_baseline(self, job: LogJob) -> Fitted:
        """The naive method, with the same penalties to choose from."""
        return _fit("naive", job, replace(default_config("naive"), l2=self.settings(job.config.model).l2))

    def findings(self, job: LogJob, fitted: Fitted) -> dict[str, dict[str, Any]]:
        """What was asked for and not used, and a propensity that is the same everywhere."""
        return {"identifiability": {"notes": [*_unused(self.kind, job.config), *_about(self.kind, job)]}}

    def inspect_row(self, run: Run, log: Log, at: int, one: Batch) -> dict[str, Any]:
        """Its reward and the propensity that the method went by."""
        found = reward_of_row(run, log, at, one)
        if isinstance(run.model, BaselineModel):
            found["propensity"] = float(run.model.propensity(run.draws, one)[0, 0])
        return found

    def refit(self, run: Run, batch: Batch, **options: Any) -> Fitted:
        """A point estimate has no posterior.

        Raises:
            NotImplementedError: always.
        """
        raise NotImplementedError(f"{self.kind} is a point estimate: it has no posterior to be fitted another way")

    def figures(self, run: Run, rows: FittedRows | None = None) -> dict[str, Any]:
        """The held-out score of each penalty that was tried."""
        from probrm_models.baselines.figures import figures  # matplotlib: half a second

        return figures(run, rows)


def _unused(kind: str, config: FitConfig) -> list[str]:
    """A line where something was asked for that a point estimate has no use for."""
    if (config.inference.name, config.guide.name, config.starts) == ("svi", "auto-normal", 1):
        return []
    return [f"{kind} is a point estimate: guide, inference and starts are not used"]


def _fit(kind: str, job: LogJob, settings: BaselineConfig) -> Fitted:
    held = job.held if job.held is not None else np.zeros(0, np.int64)
    return fit_baseline(kind, job.data, job.shape, held_out=held, config=settings, seed=job.config.seed, progress=job.progress)


def _about(kind: str, job: LogJob) -> list[str]:
    shape = job.shape
    known = "known_propensity" in job.data and bool((~job.data["known_propensity"].isnan()).any())
    if kind in _RELATIVE and not shape.propensity_effects and not shape.users and not known:
        return [
            f"{kind}: no propensity covariates, no users, no known propensities: the propensity is the same in all rows. "
            "Name what makes users act: --propensity-features, or --derive length,code_block"
        ]
    return []


RECIPES = {kind: type("BaselineRecipe", (BaselineRecipe,), {"kind": kind}) for kind in ABOUT}
"""One a method."""
