"""The naive model as a run of its own, with a posterior: Bayesian logistic regression of the action."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from pydantic import ConfigDict, Field, TypeAdapter
from pydantic.dataclasses import dataclass
from torch import Tensor

from probrm.config import FitConfig
from probrm.data import Batch, Log
from probrm.encoders import Encoder
from probrm.errors import ConfigError
from probrm.guides import GuideLike
from probrm.inference import Fitted, InferenceConfig, fit
from probrm.priors import PriorSlot, prior_to_dict
from probrm.progress import Progress, silent
from probrm.recipes.logs.fitted_rows import with_verdicts
from probrm.recipes.logs.inputs import LogInputs
from probrm.recipes.logs.job import Logged
from probrm.recipes.logs.recipe import LogRecipe, reward_of_row
from probrm.recipes.provenance import approximation, guide_note, posterior_of
from probrm.runs.fitted_rows import FittedRows
from probrm.runs.run import Run
from probrm_models.implicit.checks import check_priors
from probrm_models.implicit.config import ImplicitConfig, ImplicitPriors
from probrm_models.implicit.naive import NaiveModel

_STRICT = ConfigDict(extra="forbid", arbitrary_types_allowed=True)
_DEFAULT = ImplicitPriors()


@dataclass(frozen=True, config=_STRICT)
class NaivePriors:
    """The implicit model's priors of the reward; see ``ImplicitPriors``."""

    base_rate: PriorSlot = Field(default_factory=lambda: _DEFAULT.base_rate)
    weights: PriorSlot = Field(default_factory=lambda: _DEFAULT.weights)
    effects: PriorSlot = Field(default_factory=lambda: _DEFAULT.effects)


@dataclass(frozen=True, config=_STRICT)
class NaiveConfig:
    """Settings of the naive model."""

    priors: NaivePriors = Field(default_factory=NaivePriors)


class NaiveRecipe(LogRecipe):
    """Log of actions → Bayesian logistic regression of the action; a verdict, where a row has one, takes the action's place."""

    kind = "naive"

    def defaults(self) -> dict[str, Any]:
        """Laplace: the posterior of a logistic regression is near enough to a normal one."""
        return {"starts": 1, "inference": {"name": "laplace"}}

    def model_settings(self) -> dict[str, Any]:
        """Defaults of ``[model]``."""
        return self.check_model({})

    def check_model(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """``[model]`` in full."""
        priors = TypeAdapter(NaiveConfig).validate_python(dict(settings)).priors
        check_priors(_config(priors))
        return {"priors": {slot: prior_to_dict(getattr(priors, slot)) for slot in NaivePriors.__dataclass_fields__}}

    def fit(
        self,
        source: str,
        config: FitConfig,
        *,
        embeddings: str | Encoder | None = None,
        checkpoint: Path | None = None,
        progress: Progress = silent,
    ) -> Run:
        """Reads the log, encodes it, fits the model."""
        if config.guide.name == "amortised":
            raise ConfigError("guide 'amortised': the model 'naive' has no latents in its rows", fix="use --guide auto-normal")
        settings = _config(TypeAdapter(NaiveConfig).validate_python(config.model).priors)
        read = Logged.read(source, config, embeddings, progress)
        label = read.data["label"]
        verdicts = dict(read.data.columns) | {"action": torch.where(label.isnan(), read.data["action"], label)}
        whole = Batch(verdicts, len(read.data))
        common: dict[str, Any] = {
            "guide": config.guide,
            "starts": config.starts,
            "seed": config.seed,
            "device": config.device,
            "progress": progress,
        }

        def model() -> NaiveModel:
            return NaiveModel(read.inputs.shape, settings)

        if read.held_out is None:
            fitted = fit(model(), whole, inference=config.inference, **common)
            scored = fitted.held_out
        else:
            held = torch.from_numpy(read.held_out)
            held = torch.from_numpy(read.held_out)
            rest = torch.ones(len(whole), dtype=torch.bool).index_fill(0, held, False).nonzero()[:, 0]
            # What selects is the action alone, as for every model; in the refit verdicts count in the held-out rows too.
            again = config.inference.refit and not bool(label[held].isnan().all())
            first = replace(config.inference, refit=False) if again else config.inference
            fitted = fit(model(), whole.subset(rest), held_out=read.data.subset(held), inference=first, **common)
            scored = fitted.held_out
            if again:
                fitted = fit(model(), whole, inference=config.inference, **common)
        run = read.run(
            self.kind,
            config,
            fitted.model,
            fitted.draws,
            baseline=None,
            diagnostics={"held_out_log_likelihood": scored, **fitted.statistics, **approximation(fitted)},
            notes=guide_note(config),
            seconds=fitted.seconds,
        )
        return replace(run, **posterior_of(fitted))

    def inspect_row(self, run: Run, log: Log, at: int, one: Batch) -> dict[str, Any]:
        """Its reward."""
        return reward_of_row(run, log, at, one)

    def figures(self, run: Run, rows: FittedRows | None = None) -> dict[str, Any]:
        """The effects on the reward."""
        from probrm.figures.entries import Entries  # matplotlib: half a second
        from probrm.figures.forest import forest

        table = run.summary()
        return (
            {"reward_effects": forest(Entries.of(table["reward_effects"]), "Effects on the reward", "log-odds")}
            if "reward_effects" in table
            else {}
        )

    def fitted_rows(self, run: Run, *, progress: Progress = silent) -> FittedRows:
        """The log again, verdicts in the place of actions."""
        return with_verdicts(super().fitted_rows(run, progress=progress))

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
        """The regression again."""
        assert isinstance(run.model, NaiveModel)
        again = NaiveModel.from_spec(run.model.spec())
        return fit(again, batch, guide=guide, inference=inference, starts=1, seed=seed, progress=progress)

    def restore(self, spec: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> tuple[Any, LogInputs, None]:
        """Model and inputs; nothing stands beside it."""
        return NaiveModel.from_spec(spec["model"]), LogInputs.restore(spec["inputs"], tensors), None


def _config(priors: NaivePriors) -> ImplicitConfig:
    return ImplicitConfig(priors=ImplicitPriors(base_rate=priors.base_rate, weights=priors.weights, effects=priors.effects))
