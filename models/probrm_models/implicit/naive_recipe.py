"""The naive model as a run of its own, with a posterior: Bayesian logistic regression of the action."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass

from probrm.data import Batch
from probrm.inference import Fitted, fit
from probrm.model import RewardModel
from probrm.priors import PriorSlot
from probrm.progress import Progress, silent
from probrm.recipes.logs.fitted_rows import with_verdicts
from probrm.recipes.logs.job import LogJob
from probrm.recipes.logs.recipe import LogRecipe
from probrm.runs.fitted_rows import FittedRows
from probrm.runs.run import Run
from probrm.settings import STRICT, Settings
from probrm_models.implicit.checks import check_priors
from probrm_models.implicit.config import ImplicitConfig, ImplicitPriors
from probrm_models.implicit.naive import NaiveModel

_DEFAULT = ImplicitPriors()


@dataclass(frozen=True, config=STRICT)
class NaivePriors:
    """The implicit model's priors of the reward; see ``ImplicitPriors``."""

    base_rate: PriorSlot = Field(default_factory=lambda: _DEFAULT.base_rate)
    weights: PriorSlot = Field(default_factory=lambda: _DEFAULT.weights)
    effects: PriorSlot = Field(default_factory=lambda: _DEFAULT.effects)


@dataclass(frozen=True, config=STRICT)
class NaiveConfig(Settings):
    """Settings of the naive model."""

    priors: NaivePriors = Field(default_factory=NaivePriors)


class NaiveRecipe(LogRecipe):
    """Log of actions → Bayesian logistic regression of the action; an explicit label, where a row has one, replaces the action."""

    kind = "naive"
    model_class: ClassVar[type[RewardModel]] = NaiveModel
    config_class: ClassVar[type[Settings] | None] = NaiveConfig

    def defaults(self) -> dict[str, Any]:
        """Laplace: the posterior of a logistic regression is near enough to a normal one."""
        return {"starts": 1, "inference": {"name": "laplace"}}

    def check_settings(self, settings: NaiveConfig) -> None:
        """The implicit model's checks."""
        check_priors(_config(settings.priors))

    def build(self, job: LogJob) -> NaiveModel:
        """The model before the fit."""
        return NaiveModel(job.shape, _config(self.settings(job.config.model).priors))

    def fit_model(self, job: LogJob) -> Fitted:
        """Actions of held-out rows select, as for every model of logs; labels replace them in a refit."""
        label = job.data["label"]
        whole = Batch({**job.data.columns, "action": torch.where(label.isnan(), job.data["action"], label)}, len(job.data))
        options = job.options | {"checkpoint": None}
        if job.held is None:
            return fit(self.build(job), whole, **options)
        held = torch.from_numpy(job.held)
        rest = torch.ones(len(whole), dtype=torch.bool).index_fill(0, held, False).nonzero()[:, 0]
        again = job.config.inference.refit and not bool(label[held].isnan().all())
        first = replace(job.config.inference, refit=False) if again else job.config.inference
        fitted = fit(self.build(job), whole.subset(rest), held_out=job.held_out, **(options | {"inference": first}))
        return replace(fit(self.build(job), whole, **options), held_out=fitted.held_out) if again else fitted

    def fitted_rows(self, run: Run, *, progress: Progress = silent) -> FittedRows:
        """The log again, labels in the place of actions."""
        return with_verdicts(super().fitted_rows(run, progress=progress))


def _config(priors: NaivePriors) -> ImplicitConfig:
    return ImplicitConfig(priors=ImplicitPriors(base_rate=priors.base_rate, weights=priors.weights, effects=priors.effects))
