"""Answers shown side by side: what a choice between them says about the rewards.

``P(the first is chosen) = σ(r − r')`` (Bradley & Terry 1952). With rewards that are logits of ``P(r* = 1)`` this is the chance that
the first is the good one, given that exactly one of the two is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyro
import torch
from jaxtyping import Float
from torch import Tensor

from probrm.actions import Preference
from probrm.data.batch import Batch
from probrm.model import Values

if TYPE_CHECKING:
    from probrm_models.implicit.model import ImplicitModel


def reward_difference(model: ImplicitModel, values: Values, batch: Batch) -> Float[Tensor, "*s n"]:
    """Each row's reward less that of the answer beside it; their common intercept cancels."""
    apart = model.reward_trunk(batch["embedding"]) - model.reward_trunk(batch["rival_embedding"])
    difference = values["reward_weights"] @ apart.T
    if "reward_effects" in values:
        difference = difference + values["reward_effects"] @ (batch["reward_covariates"] - batch["rival_reward_covariates"]).T
    return difference


def comparison_log_prob(model: ImplicitModel, values: Values, batch: Batch) -> Float[Tensor, "*s n"] | float:
    """``log P(won | rewards)``, 0 in rows without a comparison (``won`` is NaN)."""
    if "won" not in batch:
        return 0.0
    won = batch["won"]
    density = Preference(reward_difference(model, values, batch)).log_prob(won.nan_to_num())
    return torch.where(won.isnan(), 0.0, density)


def observe_comparison(model: ImplicitModel, values: Values, batch: Batch) -> None:
    """Issues the site ``comparison``, inside the plate of the rows."""
    if "won" in batch:
        outcome = Preference(reward_difference(model, values, batch)).mask(~batch["won"].isnan())
        pyro.sample("comparison", outcome, obs=batch["won"].nan_to_num())
