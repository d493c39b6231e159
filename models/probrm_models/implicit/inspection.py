"""One row of a fitted log, seen through the posterior."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from probrm.data import Batch, Log
from probrm.posterior import LEVEL, predict_rewards
from probrm.runs.run import Run
from probrm_models.implicit.model import ImplicitModel
from probrm_models.implicit.strata import STRATA, stratum_posterior


@torch.no_grad()
def inspect_row(run: Run, log: Log, at: int, batch: Batch) -> dict[str, Any]:
    """The row's reward, the probabilities of its strata, and what moved its propensity.

    Args:
        run: a fitted run.
        log: its log.
        at: the row's position in it.
        batch: that row alone.
    """
    model = run.model
    assert isinstance(model, ImplicitModel)
    rewards = predict_rewards(model, run.draws, batch)
    reward, propensity = model.reward(run.draws, batch), model.propensity(run.draws, batch)
    false_rate = run.draws["false_rate"][:, None, None] if "false_rate" in run.draws else model.config.action.false_rate
    strata = stratum_posterior(reward, propensity, batch["action"].expand_as(reward), model.config.action, false_rate, batch["label"])[:, 0]
    parts = {"intercept": run.draws["propensity_intercept"]}
    for i, name in enumerate(model.shape.propensity_effects):
        parts[name] = run.draws["propensity_effects"][:, i] * batch["propensity_covariates"][0, i]
    if "user_activity" in run.draws:
        parts[f"user {model.shape.users[int(batch['user'][0])]}"] = run.draws["user_activity"][:, int(batch["user"][0])]
    rest = propensity[:, 0] - torch.stack(list(parts.values())).sum(0)
    if model.propensity_trunk is not None:
        parts["trunk"] = rest
    conversation = log.conversations[at]
    label = float(batch["label"][0])
    return {
        "row": str(log.row_id[at]),
        "prompt": conversation.prompt_text,
        "response": conversation.response,
        "action": float(batch["action"][0]),
        "label": None if math.isnan(label) else label,
        "reward": {name: float(getattr(rewards, name)[0]) for name in rewards.__dataclass_fields__},
        "propensity": _spread(propensity[:, 0].sigmoid()),
        "strata": {name: _spread(strata[:, i]) for i, name in enumerate(STRATA)},
        "propensity_log_odds": {name: _spread(value) for name, value in parts.items()},
    }


def _spread(draws: Tensor) -> dict[str, float]:
    tail = (1 - LEVEL) / 2
    low, high = torch.quantile(draws, torch.tensor([tail, 1 - tail]))
    return {"mean": float(draws.mean()), "low": float(low), "high": float(high)}
