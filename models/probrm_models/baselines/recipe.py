"""The baselines on files: the same logs, features and verbs as the implicit model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from torch import Tensor

from probrm.config import FitConfig
from probrm.data import Batch, Log
from probrm.encoders import Encoder
from probrm.inference import Fitted
from probrm.progress import Progress, silent
from probrm.recipes.logs.inputs import LogInputs
from probrm.recipes.logs.job import Logged
from probrm.recipes.logs.recipe import LogRecipe, reward_of_row
from probrm.runs.fitted_rows import FittedRows
from probrm.runs.run import Run
from probrm_models.baselines.config import config_from, default_config, settings_of
from probrm_models.baselines.fit import fit_baseline
from probrm_models.baselines.flags import ABOUT
from probrm_models.baselines.model import BaselineModel

_RELATIVE = ("ips", "doubly-robust", "rel-mf", "unbiased-bpr")


class BaselineRecipe(LogRecipe):
    """Log of actions → point estimate of the reward by one method of the literature."""

    titles: ClassVar[Mapping[str, str]] = {**LogRecipe.titles, "propensity": "propensity to act"}

    def defaults(self) -> dict[str, Any]:
        """One start: ``model.l2`` is what is searched over."""
        return {"starts": 1}

    def model_settings(self) -> dict[str, Any]:
        """Defaults of ``[model]``."""
        return settings_of(self.kind, default_config(self.kind))

    def check_model(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """``[model]`` in full."""
        return settings_of(self.kind, config_from(self.kind, settings))

    def fit(
        self,
        source: str,
        config: FitConfig,
        *,
        embeddings: str | Encoder | None = None,
        checkpoint: Path | None = None,
        progress: Progress = silent,
    ) -> Run:
        """Reads the log, encodes it, fits the method and the naive one beside it."""
        read = Logged.read(source, config, embeddings, progress)
        settings = config_from(self.kind, config.model)
        held = read.held_out if read.held_out is not None else np.zeros(0, np.int64)
        common = {"held_out": held, "seed": config.seed, "progress": progress}
        fitted = fit_baseline(self.kind, read.data, read.inputs.shape, config=settings, **common)
        naive = fit_baseline("naive", read.data, read.inputs.shape, config=replace(default_config("naive"), l2=settings.l2), **common)
        return read.run(
            self.kind,
            config,
            fitted.model,
            fitted.draws,
            baseline=(naive.model, naive.draws),
            diagnostics={
                "held_out_log_likelihood": fitted.held_out,
                "naive_held_out_log_likelihood": naive.held_out,
                "l2": fitted.settings_chosen,
            },
            notes=[*_unused(self.kind, config), *_about(self.kind, read)],
            seconds={"fit": fitted.seconds, "naive": naive.seconds},
        )

    def restore(self, spec: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> tuple[Any, LogInputs, Any]:
        """Model, inputs and the naive model beside it."""
        baseline = BaselineModel.from_spec(spec["baseline"]) if spec["baseline"] else None
        return BaselineModel.from_spec(spec["model"]), LogInputs.restore(spec["inputs"], tensors), baseline

    def inspect_row(self, run: Run, log: Log, at: int, one: Batch) -> dict[str, Any]:
        """Its reward and the propensity that the method went by."""
        found = reward_of_row(run, log, at, one)
        if isinstance(run.model, BaselineModel):
            found["propensity"] = float(run.model.propensity(run.draws, one)[0, 0])
        return found

    def refit(self, run: Run, batch: Batch, **settings: Any) -> Fitted:
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


def _about(kind: str, read: Logged) -> list[str]:
    shape = read.inputs.shape
    known = "known_propensity" in read.data and bool((~read.data["known_propensity"].isnan()).any())
    if kind in _RELATIVE and not shape.propensity_effects and not shape.users and not known:
        return [
            f"{kind}: no propensity covariates, no users, no known propensities: the propensity is the same in all rows. "
            "Name what makes users act: --propensity-features, or --derive length,code_block"
        ]
    return []


RECIPES = {kind: type("BaselineRecipe", (BaselineRecipe,), {"kind": kind}) for kind in ABOUT}
"""One a method."""
