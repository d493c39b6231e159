"""A baseline as a reward model: a linear reward, and the propensity that its method went by.

::

    w ~ N(0, 1/λ), b ~ N(0, 10²), β ~ N(0, 1.5²)        reward_weights, reward_intercept, reward_effects
    o ~ Bernoulli(γμ),  logit γ = b + w·h/√d + β·z_r    action

The propensity's coefficients are estimates and no latents of the process; methods without a propensity have ``μ = 1``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import pyro
import pyro.distributions as dist
import torch
import torch.nn.functional as F
from jaxtyping import Float
from pyro import poutine
from torch import Tensor

from probrm.actions import LogBernoulli
from probrm.data.batch import Batch
from probrm.heads import LinearTrunk, last_layer
from probrm.model import RewardModel, Values
from probrm.recipes.logs.shape import LogShape
from probrm_models.baselines.link import Link

EFFECT_L2 = 1 / 1.5**2
"""Precision of the effects of covariates: that of the implicit model's prior."""
INTERCEPT_L2 = 1 / 10**2


class BaselineModel(RewardModel):
    """The process above, with what else was estimated.

    Args:
        shape: of the implicit model on the same rows.
        kind: the method's name.
        l2: ``λ``.
        link: of the propensity.
        propensity: sites of the estimated propensity, as in the implicit model: ``propensity_intercept``, ``propensity_effects``,
            ``propensity_weights``, ``user_activity``. They stand among the draws; empty for ``μ = 1``.

    A batch has the implicit model's columns; ``known_propensity (n,)`` may be among them.
    """

    def __init__(self, shape: LogShape, kind: str, *, l2: float = 1.0, link: Link | None = None, propensity: tuple[str, ...] = ()) -> None:
        super().__init__()
        self.shape, self.kind, self.l2, self.link = shape, kind, l2, link or Link()  # type: ignore[misc]
        self.propensity_sites = propensity
        self.trunk = LinearTrunk(shape.embedding)

    def reward(self, values: Values, batch: Batch) -> Float[Tensor, "*s n"]:
        """``logit γ``."""
        logit = values["reward_intercept"].unsqueeze(-1) + last_layer(self.trunk, values["reward_weights"], batch["embedding"])
        if "reward_effects" in values:
            logit = logit + values["reward_effects"] @ batch["reward_covariates"].T
        return logit

    def propensity(self, values: Values, batch: Batch) -> Float[Tensor, "*s n"]:
        """``μ`` in (0, 1]; users that the fit has not seen have the average activity."""
        known = batch.columns.get("known_propensity")
        if "propensity_intercept" not in values:
            return torch.ones_like(self.reward(values, batch))
        logit = values["propensity_intercept"].unsqueeze(-1).expand(*values["propensity_intercept"].shape, len(batch))
        if "propensity_effects" in values:
            logit = logit + values["propensity_effects"] @ batch["propensity_covariates"].T
        if "propensity_weights" in values:
            logit = logit + last_layer(self.trunk, values["propensity_weights"], batch["embedding"])
        if "user_activity" in values:
            activity = F.pad(values["user_activity"], (0, 1))  # unseen users
            logit = logit + activity.index_select(-1, batch["user"].clamp(max=activity.shape[-1] - 1))
        return self.link(logit, known)

    def action_dist(self, reward: Tensor, propensity: Tensor) -> LogBernoulli:
        """``o | h, z, u``: ``Bernoulli(γμ)``, ``1 − γμ`` as ``(1 − γ) + γ(1 − μ)``."""
        good, bad = F.logsigmoid(reward), F.logsigmoid(-reward)
        return LogBernoulli(good + propensity.log(), torch.logaddexp(bad, good + torch.log1p(-propensity)))

    def forward(self, batch: Batch) -> None:
        """The generative process."""
        one = batch["embedding"].new_ones(())
        values = {"reward_intercept": pyro.sample("reward_intercept", dist.Normal(0.0 * one, one / INTERCEPT_L2**0.5))}
        scales = {"reward_weights": (self.trunk.out_dim, self.l2), "reward_effects": (len(self.shape.reward_effects), EFFECT_L2)}
        for name, (size, precision) in scales.items():
            if size:
                values[name] = pyro.sample(name, dist.Normal(one.new_zeros(size), one.expand(size) / precision**0.5).to_event(1))
        with pyro.plate("rows", len(batch), dim=-1), poutine.scale(scale=batch["weight"] * batch.scale):
            pyro.sample("action", self.action_dist(self.reward(values, batch), self.propensity(values, batch)), obs=batch["action"])

    def log_likelihood(self, values: Values, batch: Batch) -> Float[Tensor, "*s n"]:
        """``log P(o)`` under ``γμ``; what settings are selected by."""
        return self.action_dist(self.reward(values, batch), self.propensity(values, batch)).log_prob(batch["action"])

    def dims(self) -> dict[str, tuple[str, ...]]:
        """Names of the vector-valued sites' dimensions."""
        return {
            "reward_weights": ("reward_feature",),
            "reward_effects": ("reward_effect",),
            "propensity_weights": ("reward_feature",),
            "propensity_effects": ("propensity_effect",),
            "user_activity": ("user",),
        }

    def coords(self) -> dict[str, list[str]]:
        """What stands along those dimensions."""
        return {
            "reward_feature": [f"h{i}" for i in range(self.trunk.out_dim)],
            "reward_effect": list(self.shape.reward_effects),
            "propensity_effect": list(self.shape.propensity_effects),
            "user": list(self.shape.users),
        }

    def spec(self) -> dict[str, Any]:
        """Constructor arguments as JSON."""
        return {
            "shape": self.shape.to_dict(),
            "kind": self.kind,
            "l2": self.l2,
            "link": asdict(self.link),
            "propensity": list(self.propensity_sites),
        }

    @classmethod
    def from_spec(cls, spec: Mapping[str, Any]) -> BaselineModel:
        """Rebuilds the model."""
        return cls(LogShape(**spec["shape"]), spec["kind"], l2=spec["l2"], link=Link(**spec["link"]), propensity=tuple(spec["propensity"]))
