"""The naive model: the action taken for the label. What every model of implicit feedback has to beat.

::

    π ~ Beta                    rate of actions at average features    base_rate
    w ~ N(0, s²), β ~ N         weights and effects                    reward_weights, reward_effects
    o ~ Bernoulli(σ(logit π + w·h + β·z_r))                            action

It reads "no action" as "not preferred", so it learns who acts and where along with what is good.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import ClassVar

import pyro
import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from probrm.actions import LogBernoulli
from probrm.data.batch import Batch
from probrm.heads import LinearTrunk, columns, last_layer, scaled
from probrm.linear import LinearForm, Tied
from probrm.model import Values
from probrm.recipes.logs.model import LogModel
from probrm.recipes.logs.shape import LogShape
from probrm.settings import Settings
from probrm_models.implicit import own_parts
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
            LogShape(shape.embedding, shape.reward_effects, repeated=shape.repeated),
            ImplicitConfig(priors=config.priors) if config else ImplicitConfig(),
        )
        self.trunk = LinearTrunk(shape.embedding)

    def globals(self) -> dict[str, Tensor]:
        """One draw of all global latents."""
        priors = self.config.priors
        values = {"base_rate": priors.base_rate.sample("base_rate")}
        values["reward_weights"] = priors.weights.sample("reward_weights", (self.trunk.out_dim,))
        if self.shape.reward_effects:
            values["reward_effects"] = priors.effects.sample("reward_effects", (len(self.shape.reward_effects),))
        if self.shape.repeated:
            values[own_parts.SITE] = own_parts.sample_scale(priors.residual)
        return values

    def forward(self, batch: Batch) -> None:
        """The generative process; of an answer that is shown several times what is its own is summed out."""
        if not self.shape.repeated:
            return super().forward(batch)
        values = self.globals()
        with pyro.plate("rows", len(batch), dim=-1):
            density = self._row_density(batch, own_parts.Exposures.of(batch), [self.reward(values, batch)], values[own_parts.SITE])
            pyro.factor("rows_of_answers", density)

    def _row_density(
        self,
        batch: Batch,
        exposures: Sequence[own_parts.Exposures],
        predictors: Sequence[Tensor],
        tau: Tensor | None,
        *,
        held: bool = False,
    ) -> Float[Tensor, "*s n"]:
        def given(rows: Batch, predictors: Sequence[Tensor]) -> Tensor:
            return bernoulli(predictors[0]).log_prob(rows["action"]) * rows["weight"]

        return own_parts.tied_density(given, batch, exposures, predictors, tau, held=held) * batch.scale

    def own_spread(self, values: Values) -> Float[Tensor, " s"]:
        """τ, as the log or its prior says it."""
        return own_parts.spread(values, self.config.priors.residual)

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
        designs += [batch["reward_covariates"]] if names else []
        exposures, tied = own_parts.Exposures.of(batch), bool(self.shape.repeated)

        def density(predictors: Sequence[Tensor], held: bool = False) -> Float[Tensor, " n"]:
            return self._row_density(batch, exposures, [predictors[0]], predictors[1][..., 0] if tied else None, held=held)

        return LinearForm(
            designs=[*designs, *([designs[0]] if tied else [])],
            coefficients=lambda values: [
                torch.logit(values["base_rate"])[None],
                scaled(self.trunk, values["reward_weights"]),
                *(values[name] for name in names),
                *([values[own_parts.SITE][None]] if tied else []),
            ],
            predictor=(*(0 for _ in designs), *([1] if tied else [])),
            curved=(0, len(designs)) if tied else (0,),
            density=density,
            tied=Tied((1, 0), partial(density, held=True)) if exposures else None,
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
