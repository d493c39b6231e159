"""The Bayesian linear head on files: the same pairs, vectors and verbs as Bradley–Terry."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from probrm.inference import Fitted
from probrm.recipes.pairs.job import PairJob
from probrm.recipes.pairs.link import check_link
from probrm.recipes.pairs.model import PairModel
from probrm.recipes.pairs.recipe import PairRecipe
from probrm.runs.run import Run
from probrm_models.bayesian_linear.config import BayesianLinearConfig
from probrm_models.bayesian_linear.fit import fit_head
from probrm_models.bayesian_linear.model import BayesianLinearModel


class BayesianLinearRecipe(PairRecipe):
    """Pairs → one reward a response, with RewardUQ's intervals."""

    kind = "bayesian-linear"
    model_class: ClassVar[type[PairModel]] = BayesianLinearModel
    weights: ClassVar[Mapping[str, str]] = {"reward_weights": "Weights"}

    def defaults(self) -> dict[str, Any]:
        """One start: ``model.l2`` is what is searched over."""
        return {"starts": 1}

    def discounts(self, config: Mapping[str, Any]) -> bool:
        """Pairs count whole, as in RewardUQ."""
        return False

    def fit_model(self, job: PairJob) -> Fitted:
        """In closed form."""
        settings = self.settings(job.config.model)
        check_link(BayesianLinearModel(job.shape, settings))
        return fit_head(job, settings)

    def no_loo(self, run: Run) -> str | None:
        """Unless the Gaussian is the Laplace approximation, it is no posterior of the likelihood."""
        settings = self.settings(run.config["model"])
        if settings.hessian == "weighted" and settings.beta == BayesianLinearConfig().beta:
            return None
        return "its Gaussian is no posterior of its likelihood; the one of --set model.hessian=weighted is"

    def findings(self, job: PairJob, fitted: Fitted) -> dict[str, dict[str, Any]]:
        """What was asked for and not used."""
        config = job.config
        if (config.inference.name, config.guide.name, config.starts) == ("svi", "auto-normal", 1):
            return {}
        return {"identifiability": {"notes": ["bayesian-linear is fitted in closed form: guide, inference and starts are not used"]}}
