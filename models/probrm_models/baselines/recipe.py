"""The baselines on files: the same logs, features and verbs as the implicit model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from probrm.config import FitConfig
from probrm.data import Batch, read_log
from probrm.encoders import Encoder
from probrm.inference import Fitted
from probrm.posterior import predict_rewards
from probrm.progress import Progress, silent
from probrm.recipes.encoding import run_vectors
from probrm.recipes.logs.inputs import ImplicitInputs
from probrm.recipes.logs.job import Logged
from probrm.recipes.provenance import fitted_source, position
from probrm.runs.fitted_rows import FittedRows
from probrm.runs.run import Run
from probrm_models.baselines.config import config_from, default_config, settings_of
from probrm_models.baselines.fit import fit_baseline
from probrm_models.baselines.model import BaselineModel
from probrm_models.implicit.recipe import ImplicitRecipe

if TYPE_CHECKING:
    from probrm.evaluation import Evaluation

_RELATIVE = ("ips", "doubly-robust", "rel-mf", "unbiased-bpr")


class BaselineRecipe(ImplicitRecipe):
    """Log of actions → point estimate of the reward by one method of the literature."""

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

    def restore(self, spec: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> tuple[Any, ImplicitInputs, Any]:
        """Model, inputs and the naive model beside it."""
        baseline = BaselineModel.from_spec(spec["baseline"]) if spec["baseline"] else None
        return BaselineModel.from_spec(spec["model"]), ImplicitInputs.restore(spec["inputs"], tensors), baseline

    def evaluate(
        self,
        run: Run,
        source: str,
        spec: Any,
        *,
        embeddings: str | Encoder | None = None,
        bootstrap: int = 1000,
        seed: int = 0,
        progress: Progress = silent,
    ) -> tuple[Evaluation, list[str]]:
        """The model, and the naive one beside it, against the file's ``label``; a point has no intervals to cover anything."""
        from probrm.recipes.comparison import log_rows

        ours = log_rows(run, source, spec, embeddings=embeddings, progress=progress)
        beside = None
        if run.baseline:
            other = replace(run, model=run.baseline[0], draws=run.baseline[1])
            beside = log_rows(other, source, spec, embeddings=embeddings, progress=progress)
        return ours.evaluate(beside, bootstrap=bootstrap, seed=seed, progress=progress), ours.notes

    def inspect(self, run: Run, row: str, *, progress: Progress = silent) -> dict[str, Any]:
        """One row of the fitted log, read from its file again: its reward and the propensity that the method went by."""
        log = read_log(fitted_source(run), self.read_spec(run.config["data"]))
        at = position(log.row_id, row, "log has")
        vectors = run_vectors(run, [log.conversations[at]], embeddings=run.record["encoder"]["embeddings"], progress=progress).vectors
        batch = run.inputs.batch(log, vectors.expand(len(log), -1)).subset(torch.tensor([at]))
        rewards = predict_rewards(run.model, run.draws, batch)
        found = {
            "row": row,
            "prompt": log.conversations[at].prompt_text,
            "response": log.conversations[at].response,
            "action": float(batch["action"][0]),
            "reward": {name: float(getattr(rewards, name)[0]) for name in rewards.__dataclass_fields__},
        }
        if isinstance(run.model, BaselineModel):
            found["propensity"] = float(run.model.propensity(run.draws, batch)[0, 0])
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


class IPSRecipe(BaselineRecipe):
    """Inverse propensity scoring."""

    kind = "ips"


class DoublyRobustRecipe(BaselineRecipe):
    """Clipped inverse propensities with an imputation model."""

    kind = "doubly-robust"


class UPURecipe(BaselineRecipe):
    """Unbiased learning from positive and unlabelled rows."""

    kind = "upu"


class NNPURecipe(BaselineRecipe):
    """The same with a non-negative risk."""

    kind = "nnpu"


class SAREMRecipe(BaselineRecipe):
    """EM over preference."""

    kind = "sar-em"


class ReCRecRecipe(BaselineRecipe):
    """EM over preference and activity, features shared."""

    kind = "recrec"


class RelMFRecipe(BaselineRecipe):
    """Clipped IPS with the root of the relative propensity."""

    kind = "rel-mf"


class UnbiasedBPRRecipe(BaselineRecipe):
    """Pairwise ranking with inverse propensities."""

    kind = "unbiased-bpr"
