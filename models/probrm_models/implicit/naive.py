"""The naive model: the action taken for the label. What every model of implicit feedback has to beat.

::

    π ~ Beta                    rate of actions at average features    base_rate
    w ~ N(0, s²), β ~ N         weights and effects                    reward_weights, reward_effects
    o ~ Bernoulli(σ(logit π + w·h + β·z_r))                            action

It reads "no action" as "not preferred", so it learns who acts and where along with what is good.
"""

from __future__ import annotations

from typing import ClassVar

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from probrm.actions import LogBernoulli
from probrm.data.batch import Batch
from probrm.heads import LinearTrunk, columns, last_layer, scaled
from probrm.linear import LinearForm
from probrm.model import Values
from probrm.recipes.logs.model import LogModel
from probrm.recipes.logs.shape import LogShape
from probrm.settings import Settings
from probrm_models.implicit.config import ImplicitConfig


class NaiveModel(LogModel):
    """Bayesian logistic regression of the action on the reward's features, with the implicit model's priors.

    Args:
        shape: of the implicit model; only the reward's inputs are used.
        config: its configuration; only the priors are used.
    """

    kind = "naive"
    config_class: ClassVar[type[Settings]] = ImplicitConfig
    shape: LogShape
    config: ImplicitConfig

    def __init__(self, shape: LogShape, config: ImplicitConfig | None = None) -> None:
        super().__init__(
            LogShape(shape.embedding, shape.reward_effects), ImplicitConfig(priors=config.priors) if config else ImplicitConfig()
        )
        self.trunk = LinearTrunk(shape.embedding)

    def globals(self) -> dict[str, Tensor]:
        """One draw of all global latents."""
        priors = self.config.priors
        values = {"base_rate": priors.base_rate.sample("base_rate")}
        values["reward_weights"] = priors.weights.sample("reward_weights", (self.trunk.out_dim,))
        if self.shape.reward_effects:
            values["reward_effects"] = priors.effects.sample("reward_effects", (len(self.shape.reward_effects),))
        return values

    def reward(self, values: Values, batch: Batch) -> Float[Tensor, "*s n"]:
        """``logit P(action)``."""
        logit = torch.logit(values["base_rate"]).unsqueeze(-1) + last_layer(self.trunk, values["reward_weights"], batch["embedding"])
        if "reward_effects" in values:
            logit = logit + values["reward_effects"] @ batch["reward_covariates"].T
        return logit

    def action_dist(self, values: Values, batch: Batch) -> LogBernoulli:
        """``o | h``."""
        return bernoulli(self.reward(values, batch))

    def linear_form(self, batch: Batch) -> LinearForm:
        """The one predictor."""
        names = ["reward_effects"] if self.shape.reward_effects else []
        designs = [torch.ones_like(batch["action"])[:, None], columns(self.trunk, batch["embedding"])]
        weight = batch["weight"] * batch.scale
        return LinearForm(
            designs=[*designs, *([batch["reward_covariates"]] if names else [])],
            coefficients=lambda values: [
                torch.logit(values["base_rate"])[None],
                scaled(self.trunk, values["reward_weights"]),
                *(values[name] for name in names),
            ],
            predictor=(0,) * (2 + len(names)),
            curved=(0,),
            density=lambda predictors: bernoulli(predictors[0]).log_prob(batch["action"]) * weight,
        )

    def dims(self) -> dict[str, tuple[str, ...]]:
        """Names of the vector-valued sites' dimensions."""
        return {"reward_weights": ("reward_feature",), "reward_effects": ("reward_effect",)}

    def coords(self) -> dict[str, list[str]]:
        """What stands along those dimensions."""
        return {"reward_feature": [f"h{i}" for i in range(self.trunk.out_dim)], "reward_effect": list(self.shape.reward_effects)}


def bernoulli(logit: Float[Tensor, "*s n"]) -> LogBernoulli:
    """With this logit."""
    return LogBernoulli(F.logsigmoid(logit), F.logsigmoid(-logit))
