"""One fitted pair, seen through the posterior."""

from __future__ import annotations

import math
from typing import Any

from probrm.data import Batch, Pairs
from probrm.recipes.pairs.model import PairModel
from probrm.recipes.pairs.predictions import preference_probabilities, response_rewards
from probrm.runs.run import Run


def inspect_pair(run: Run, pair: Pairs, batch: Batch) -> dict[str, Any]:
    """Both responses with their rewards, and how probable it is that the chosen one is preferred.

    Args:
        run: a fitted run.
        pair: the pair alone.
        batch: the same as columns.
    """
    model, seed = run.model, run.config["seed"]
    assert isinstance(model, PairModel)
    rewards = {}
    for side in ("chosen", "rejected"):
        columns = {"response": batch[side]} | ({"prompt": batch["prompt"]} if "prompt" in batch else {})
        found = response_rewards(model, run.draws, Batch(columns, 1), seed=seed)
        rewards[side] = {"mean": float(found.reward[0]), "low": float(found.reward_low[0]), "high": float(found.reward_high[0])}
    preference = preference_probabilities(model, run.draws, batch, seed=seed)
    table: dict[str, Any] = {
        "row": str(pair.row_id[0]),
        "prompt": pair.chosen[0].prompt_text,
        "chosen": pair.chosen[0].response,
        "rejected": pair.rejected[0].response,
        "outcome": float(pair.outcome[0]),
        "weight": float(pair.weight[0]),
    }
    if pair.user is not None:
        table["user"] = str(pair.user[0])
    for side, scores in (("chosen", pair.chosen_scores), ("rejected", pair.rejected_scores)):
        if scores is not None:
            table[f"scores_of_{side}"] = {name: _number(value) for name, value in zip(pair.attributes, scores[0], strict=True)}
    table["reward"] = rewards
    table["p_chosen"] = {
        "mean": float(preference.p_chosen[0]),
        "low": float(preference.p_chosen_low[0]),
        "high": float(preference.p_chosen_high[0]),
    }
    return table


def _number(value: float) -> float | None:
    return None if math.isnan(value) else float(value)
