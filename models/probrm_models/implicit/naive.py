"""The naive model: the action taken for the label. What every model of implicit feedback has to beat.

::

    π ~ Beta                    rate of actions at average features    base_rate
    w ~ N(0, s²), β ~ N         weights and effects                    reward_weights, reward_effects
    o ~ Bernoulli(σ(logit π + w·h + β·z_r))                            action

It reads "no action" as "not preferred", so it learns who acts and where along with what is good.
"""

from __future__ import annotations

from typing import ClassVar

import pyro
import torch
import torch.nn.functional as F
from jaxtyping import Float
from pyro import poutine
from torch import Tensor

from probrm.actions import LogBernoulli
from probrm.data.batch import Batch
from probrm.heads import LinearTrunk, columns, last_layer, scaled
from probrm.linear import LinearForm
from probrm.model import RewardModel, Values
from probrm.recipes.logs.shape import LogShape
from probrm.settings import Settings
from probrm_models.implicit.config import ImplicitConfig, ImplicitPriors
from probrm_models.implicit.model import ImplicitModel


class NaiveModel(RewardModel):
    """Bayesian logistic regression of the action on the reward's features, with the implicit model's priors.

    Args:
        shape: of the implicit model; only the reward's inputs are used.
        config: its configuration; only the priors are used.
    """

    kind = "naive"
    shape_class: ClassVar[type[Settings]] = LogShape
    config_class: ClassVar[type[Settings]] = ImplicitConfig
    may_be_missing: ClassVar[frozenset[str]] = ImplicitModel.may_be_missing
    """It is fitted to the implicit model's batch, of which it reads less."""

    def __init__(self, shape: LogShape, config: ImplicitConfig | None = None) -> None:
        super().__init__(
            LogShape(shape.embedding, shape.reward_effects), ImplicitConfig(priors=config.priors) if config else ImplicitConfig()
        )
        self.priors: ImplicitPriors = self.config.priors
        self.trunk = LinearTrunk(shape.embedding)

    def reward(self, values: Values, batch: Batch) -> Float[Tensor, "*s n"]:
        """``logit P(action)``."""
        logit = torch.logit(values["base_rate"]).unsqueeze(-1) + last_layer(self.trunk, values["reward_weights"], batch["embedding"])
        if "reward_effects" in values:
            logit = logit + values["reward_effects"] @ batch["reward_covariates"].T
        return logit

    def action_dist(self, reward: Tensor) -> LogBernoulli:
        """``o | h``."""
        return LogBernoulli(F.logsigmoid(reward), F.logsigmoid(-reward))

    def forward(self, batch: Batch) -> None:
        """The generative process."""
        values = {"base_rate": self.priors.base_rate.sample("base_rate")}
        values["reward_weights"] = self.priors.weights.sample("reward_weights", (self.trunk.out_dim,))
        if self.shape.reward_effects:
            values["reward_effects"] = self.priors.effects.sample("reward_effects", (len(self.shape.reward_effects),))
        with pyro.plate("rows", len(batch), dim=-1), poutine.scale(scale=batch["weight"] * batch.scale):
            pyro.sample("action", self.action_dist(self.reward(values, batch)), obs=batch["action"])

    def log_likelihood(self, values: Values, batch: Batch) -> Float[Tensor, "*s n"]:
        """``log P(o | globals)``."""
        return self.action_dist(self.reward(values, batch)).log_prob(batch["action"])

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
            density=lambda predictors: self.action_dist(predictors[0]).log_prob(batch["action"]) * weight,
        )

    def dims(self) -> dict[str, tuple[str, ...]]:
        """Names of the vector-valued sites' dimensions."""
        return {"reward_weights": ("reward_feature",), "reward_effects": ("reward_effect",)}

    def coords(self) -> dict[str, list[str]]:
        """What stands along those dimensions."""
        return {"reward_feature": [f"h{i}" for i in range(self.trunk.out_dim)], "reward_effect": list(self.shape.reward_effects)}
