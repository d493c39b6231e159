"""What is compared: each model fitted as its recipe fits it, from the settings that the command line would give it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Literal

from probrm.inference import Fitted, Laplace
from probrm.recipes.pairs.job import PairJob
from probrm_models.bradley_terry.config import BradleyTerryConfig
from probrm_models.bradley_terry.recipe import BradleyTerryRecipe
from probrm_models.vrm.recipe import VRMRecipe


@dataclass(frozen=True)
class Compared:
    """A model of the table.

    Attributes:
        title: in the table.
        kind: ``point`` and ``bayes`` are Bradley–Terry, the others the variational reward model.
        model: what differs from the defaults of ``[model]``.
        scored: whether it needs attribute scores.
    """

    title: str
    kind: Literal["point", "bayes", "vrm"]
    model: dict[str, Any] = field(default_factory=dict)
    scored: bool = False

    def fit(self, job: PairJob) -> Fitted:
        """The fitted model; all of them get the job of ``fit vrm``: its pairs, budget and held-out prompts."""
        if self.kind == "point":
            found = VRMRecipe().fit_baseline(job)
            assert found is not None
            return found
        if self.kind == "bayes":
            model = BradleyTerryConfig.from_dict(self.model).to_dict()
            return BradleyTerryRecipe().fit_model(replace(job, config=replace(job.config, model=model, inference=Laplace())))
        return VRMRecipe().fit_model(job)


def _supervised(loss: str, weight: float) -> dict[str, Any]:
    """Several objectives whatever the folds say: what supervision does to their weights could not be seen else."""
    return {"supervision": {"loss": loss, "weight": weight}, "selection": "objectives"}


def _published(per: str) -> dict[str, Any]:
    return {"weights": {"prior": "standard"}, "features": {"prior": "standard"}, "divergence": {"per": per}}


MODELS = {
    "bt": Compared("Bradley–Terry, deterministic", "point"),
    "bt-bayes": Compared("Bradley–Terry, Bayesian", "bayes"),
    "bt-bayes-independent": Compared("Bradley–Terry, Bayesian, each pair counts 1", "bayes", {"repeats": "independent"}),
    "vrm": Compared("VRM", "vrm"),
    "vrm-kl": Compared("VRM, four objectives, λ = 0.1", "vrm", _supervised("kl", 0.1), scored=True),
    "vrm-0": Compared("VRM, four objectives, λ = 0", "vrm", _supervised("kl", 0.0), scored=True),
    "vrm-1": Compared("VRM, four objectives, λ = 1", "vrm", _supervised("kl", 1.0), scored=True),
    "vrm-mse": Compared("VRM, four objectives, squared error, λ = 0.1", "vrm", _supervised("mse", 0.1), scored=True),
    "vrm-rank": Compared("VRM, four objectives, ranking loss, λ = 0.1", "vrm", _supervised("rank", 0.1), scored=True),
    "published-pair": Compared("VRM as published: z ~ N(0, I), KL in each pair", "vrm", _published("pair")),
    "published-latent": Compared("VRM, z ~ N(0, I), KL once a latent", "vrm", _published("latent")),
}
