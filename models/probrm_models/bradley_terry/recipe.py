"""The Bradley–Terry model on files.

By default its last layer is Bayesian, and the deterministic one, trained to the same pairs, is the baseline. With
``--guide delta`` the deterministic one is the model: weights as a point, trained by Adam from zero with early stopping on held-out
prompts, which is what reward models usually are. It has no intervals, and nothing to beat.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Unpack

from probrm.data import Batch
from probrm.inference import FitOptions, Fitted
from probrm.model import RewardModel
from probrm.priors.checks import check_unbounded
from probrm.recipes.pairs.job import PairJob
from probrm.recipes.pairs.model import PairModel
from probrm.recipes.pairs.recipe import PairRecipe
from probrm.recipes.pairs.repeats import occurrences
from probrm.runs.run import Run
from probrm_models.bradley_terry.config import BradleyTerryConfig
from probrm_models.bradley_terry.fit import centred, fit_point
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
    baseline_class: ClassVar[type[RewardModel] | None] = DeterministicModel

    def discounts(self, config: Mapping[str, Any]) -> bool:
        """Where it is asked for, and not of a point."""
        return super().discounts(config) and not _is_point(config["guide"]["name"], config["inference"]["name"])

    def defaults(self) -> dict[str, Any]:
        """One start: the likelihood is concave in the weights. A network under them may want more."""
        return {"starts": 1}

    def check_settings(self, settings: BradleyTerryConfig) -> None:
        """Priors of weights and of ``log_tie`` reach both sides of zero."""
        super().check_settings(settings)
        check_unbounded("model.priors.weights", settings.priors.weights)
        check_unbounded("model.priors.log_tie", settings.priors.log_tie)

    def fit_model(self, job: PairJob) -> Fitted:
        """A Bayesian last layer, or with ``--guide delta`` a point."""
        if _of_point(job):
            return fit_point(job, self.settings(job.config.model), model=BradleyTerryModel, checkpoint=job.checkpoint)
        return centred(super().fit_model(job), job.data)

    def fit_baseline(self, job: PairJob) -> Fitted | None:
        """The deterministic model with the same head; None for itself."""
        return None if _of_point(job) else fit_point(job, BradleyTerryConfig(head=self.settings(job.config.model).head))

    def refit(self, run: Run, batch: Batch, **options: Unpack[FitOptions]) -> Fitted:
        """The last layer again with the run's priors and discount, with a trunk of its own where there is one.

        Raises:
            NotImplementedError: the run has a point of weights.
        """
        if _is_point(run.config["guide"]["name"], run.config["inference"]["name"]):
            raise NotImplementedError("a run with one point of weights has no posterior to be fitted another way")
        return centred(super().refit(run, batch, **options), batch)

    def findings(self, job: PairJob, fitted: Fitted) -> dict[str, dict[str, Any]]:
        """What intervals take the pairs for."""
        found = occurrences(job.data)
        if _of_point(job) or found["contrasts"] >= found["pairs"]:
            return {}
        said = f"a response is in {found['pairs_a_response']:.1f} pairs on average"
        better = "probrm fit vrm has a latent for each response"
        if job.config.model["repeats"] == "discount":
            note = f"{said}: the {found['pairs']} pairs count as the {found['contrasts']} comparisons among them that are independent; {better}"
        else:
            note = f"{said}: intervals treat pairs as independent given the weights and are too narrow; {better}"
        return {"identifiability": {"notes": [note]}}


def _is_point(guide: str, inference: str) -> bool:
    return guide == "delta" and inference == "svi"


def _of_point(job: PairJob) -> bool:
    return _is_point(job.config.guide.name, job.config.inference.name)
