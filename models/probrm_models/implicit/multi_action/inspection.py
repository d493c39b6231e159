"""One row of a fitted log with several actions, seen through the posterior."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from probrm.data import Batch
from probrm.posterior import LEVEL, predict_rewards
from probrm_models.implicit.multi_action.model import MultiActionModel


@torch.no_grad()
def inspect_actions(model: MultiActionModel, draws: Mapping[str, Tensor], batch: Batch) -> dict[str, Any]:
    """What was observed in a row, its reward, whether it was preferred, and each action's propensity.

    Args:
        model: a fitted one.
        draws: of its global sites.
        batch: that row alone.

    Returns:
        ``actions`` (None where one was not observed), ``reward``, ``preferred`` (``P(r* = 1)`` given all that was observed in the
        row) and ``propensity`` by action: a probability for a yes/no action, a location for a graded one.
    """
    rewards = predict_rewards(model, draws, batch)
    observed = batch["actions"][0].tolist()
    locations = zip(model.actions, model.propensities(draws, batch), strict=True)
    return {
        "actions": {a.column: _shown(a.levels, value) for a, value in zip(model.actions, observed, strict=True)},
        "reward": {name: float(getattr(rewards, name)[0]) for name in rewards.__dataclass_fields__},
        "preferred": _spread(model.preference_posterior(draws, batch)[:, 0]),
        "propensity": {a.column: _spread(x[:, 0].sigmoid() if a.kind == "binary" else x[:, 0]) for a, x in locations},
    }


def _shown(levels: tuple[str, ...], value: float) -> float | str | None:
    if math.isnan(value):
        return None
    return levels[int(value)] if levels else value


def _spread(draws: Tensor) -> dict[str, float]:
    tail = (1 - LEVEL) / 2
    low, high = torch.quantile(draws, torch.tensor([tail, 1 - tail]))
    return {"mean": float(draws.mean()), "low": float(low), "high": float(high)}
