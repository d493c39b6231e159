"""What each objective is: the prompts that weigh it, the answers that it favours, what its scores go with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from probrm.data import Batch, Pairs
from probrm.evaluation.correlation import correlations
from probrm_models.vrm.model import VRMModel
from probrm_models.vrm.objectives.answers import Answers
from probrm_models.vrm.objectives.scores import has_scores, objective_scores

SHOWN = 3
"""Prompts, and answers, at either end."""


@torch.no_grad()
def describe(model: VRMModel, draws: Mapping[str, Tensor], batch: Batch, pairs: Pairs, *, seed: int = 0) -> dict[str, Any]:
    """What each objective is, from m pairs; rows are named by their ids, so that the run holds no texts.

    All objectives share v, so what they have in common would rank everybody's answers alike. Answers are therefore ranked by what an objective
    *adds*: with ``r̄ = Σ_j w̄_j s_j``, the reward at the average prompt's weights, by ``s_k − r̄``, less its mean over the prompt's answers.
    The mean is weighted: against a plain mean of all scores, an objective that no prompt asks for ranks highest whatever the others rank
    lowest. Correlations are of ``s_k`` (``score``) and of ``s_k − r̄`` (``added``), both within prompts, where alone rewards are compared.

    Args:
        model: fitted, on the CPU.
        draws: of its globals.
        batch: the pairs as the model takes them.
        pairs: the same with their texts.
        seed: of the bootstrap over prompts.

    Returns:
        ``{}`` of one objective. Else by objective: ``weight`` (mean and sd across prompts); ``prompts_most`` and ``prompts_least``; and, unless
        the decoder is a network, ``answers_high``, ``answers_low`` and the correlations.
    """
    if model.count < 2:
        return {}
    first = np.unique(batch["prompt_index"].numpy(), return_index=True)[1]
    weights = model.weights.mean(batch["prompt"][torch.from_numpy(first)]).double().numpy()
    names = model.shape.objectives
    found: dict[str, Any] = {name: _weighed(weights[:, k], pairs.row_id[first]) for k, name in enumerate(names)}
    if not has_scores(model):
        return found
    answers = Answers.of(batch, pairs)
    scores = objective_scores(model, draws, answers.embedding)
    added = _centred(scores - (scores @ weights.mean(0))[:, None], answers.prompt)
    properties = answers.properties()
    y = np.column_stack(list(properties.values()))
    follows = {key: correlations(x, y, answers.prompt, seed=seed) for key, x in (("score", scores), ("added", added))}
    for k, name in enumerate(names):
        order = np.argsort(-added[:, k], kind="stable")
        found[name] |= {
            key: [
                {
                    "row": str(pairs.row_id[answers.row[i]]),
                    "side": str(answers.side[i]),
                    "added": float(added[i, k]),
                    "score": float(scores[i, k]),
                }
                for i in _one_a_prompt(end, answers.prompt)
            ]
            for key, end in (("answers_high", order), ("answers_low", order[::-1]))
        }
        found[name]["correlations"] = {
            key: {what: _interval(numbers[:, k, j]) for j, what in enumerate(properties) if np.isfinite(numbers[0, k, j])}
            for key, numbers in follows.items()
        }
    return found


def _weighed(weight: Float[np.ndarray, " p"], ids: np.ndarray) -> dict[str, Any]:
    order = np.argsort(-weight, kind="stable")
    count = min(SHOWN, len(order) // 2)
    ends = {"prompts_most": order[:count], "prompts_least": order[::-1][:count]}
    table = {key: [{"row": str(ids[i]), "weight": float(weight[i])} for i in end] for key, end in ends.items()}
    return {"weight": {"mean": float(weight.mean()), "sd": float(weight.std())}, **table}


def _centred(values: Float[np.ndarray, "n k"], group: np.ndarray) -> Float[np.ndarray, "n k"]:
    _, place, count = np.unique(group, return_inverse=True, return_counts=True)
    sums = np.zeros((len(count), values.shape[1]))
    np.add.at(sums, place, values)
    return values - (sums / count[:, None])[place]


def _one_a_prompt(order: np.ndarray, prompt: np.ndarray) -> list[int]:
    """The first few answers, of different prompts."""
    found: dict[int, int] = {}
    for i in order:
        if len(found) == SHOWN:
            break
        found.setdefault(int(prompt[i]), int(i))
    return list(found.values())


def _interval(numbers: np.ndarray) -> dict[str, float | None]:
    value, low, high = (None if np.isnan(number) else float(number) for number in numbers)
    return {"value": value, "low": low, "high": high}
