"""The Bradley–Terry model on files.

By default its last layer is Bayesian, and the deterministic one, trained to the same pairs, stands beside it as the baseline. With
``--guide delta`` the deterministic one is the model: weights as a point, trained by Adam from zero with early stopping on held-out
prompts, which is what reward models usually are. It has no intervals, and nothing to beat.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from probrm.config import FitConfig
from probrm.data import Batch, Pairs
from probrm.errors import ConfigError
from probrm.guides import GuideLike
from probrm.inference import Fitted, InferenceConfig
from probrm.priors.checks import check_scales, check_unbounded
from probrm.progress import Progress, silent
from probrm.recipes.pairs.job import PairFit
from probrm.recipes.pairs.model import PairModel
from probrm.recipes.pairs.recipe import PairRecipe
from probrm.recipes.pairs.repeats import occurrences
from probrm.runs.run import Run
from probrm_models.bradley_terry.config import BradleyTerryConfig
from probrm_models.bradley_terry.fit import fit_bayesian, fit_point, refit_bayesian
from probrm_models.bradley_terry.model import BradleyTerryModel, DeterministicModel


class BradleyTerryRecipe(PairRecipe):
    """Pairs → one reward a response."""

    kind = "bradley-terry"
    units: ClassVar[Mapping[str, str]] = {
        "log_tie": "log ν (Davidson)",
        "reward_weights_scale": "standard deviation of the weights, logits",
    }
    weights: ClassVar[Mapping[str, str]] = {"reward_weights": "Weights"}
    model_class: ClassVar[type[PairModel]] = BradleyTerryModel
    baseline_class: ClassVar[type[PairModel]] = DeterministicModel

    def discounts(self, run: Run) -> bool:
        """Where it is asked for, and not of a point."""
        point = run.config["guide"]["name"] == "delta" and run.config["inference"]["name"] == "svi"
        return run.config["model"].get("repeats") == "discount" and not point

    def model_settings(self) -> dict[str, Any]:
        """Defaults of ``[model]``."""
        return BradleyTerryConfig().to_dict()

    def defaults(self) -> dict[str, Any]:
        """One start: the likelihood is concave in the weights. A network under them may want more."""
        return {"starts": 1}

    def check_model(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """``[model]`` in full."""
        config = BradleyTerryConfig.from_dict(settings)
        check_scales(config.priors)
        check_unbounded("model.priors.weights", config.priors.weights)
        check_unbounded("model.priors.log_tie", config.priors.log_tie)
        return config.to_dict()

    def check_pairs(self, config: FitConfig, pairs: Pairs) -> None:
        """Any pairs will do; the guide has to be one over weights."""
        if config.guide.name == "amortised":
            raise ConfigError("guide 'amortised': the model 'bradley-terry' has no latents in its rows", fix="use --guide auto-normal")

    def fit_pairs(self, job: PairFit) -> Fitted:
        """A Bayesian last layer, or with ``--guide delta`` a point."""
        settings = BradleyTerryConfig.from_dict(job.config.model)
        if _is_point(job.config):
            return fit_point(job, settings, model=BradleyTerryModel, checkpoint=job.checkpoint)
        return fit_bayesian(job, settings, guide=job.config.guide, checkpoint=job.checkpoint)

    def fit_baseline(self, job: PairFit) -> Fitted | None:
        """The deterministic model with the same head; None beside itself."""
        if _is_point(job.config):
            return None
        return fit_point(job, BradleyTerryConfig(head=BradleyTerryConfig.from_dict(job.config.model).head))

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
        """The last layer again with the run's priors and discount, with a trunk of its own where there is one.

        Raises:
            NotImplementedError: the run has a point of weights.
        """
        if run.config["guide"]["name"] == "delta" and run.config["inference"]["name"] == "svi":
            raise NotImplementedError("a run with one point of weights has no posterior to be fitted another way")
        assert isinstance(run.model, BradleyTerryModel)
        return refit_bayesian(run.model, batch, guide=guide, inference=inference, seed=seed, progress=progress)

    def findings(self, job: PairFit, fitted: Fitted) -> dict[str, Any]:
        """What intervals take the pairs for."""
        found = occurrences(job.data)
        if _is_point(job.config) or found["contrasts"] >= found["pairs"]:
            return {}
        said = f"a response is in {found['pairs_a_response']:.1f} pairs on average"
        better = "probrm fit vrm has a latent for each response"
        if job.config.model["repeats"] == "discount":
            note = f"{said}: the {found['pairs']} pairs count as the {found['contrasts']} comparisons among them that are independent; {better}"
        else:
            note = f"{said}: intervals treat pairs as independent given the weights and are too narrow; {better}"
        return {"identifiability": {"notes": [note]}}


def _is_point(config: FitConfig) -> bool:
    return config.guide.name == "delta" and config.inference.name == "svi"
