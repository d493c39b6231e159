"""Does an objective that is named after an attribute follow it on prompts that the fit has not seen?"""

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
from probrm_models.vrm.objectives.scores import objective_scores
from probrm_models.vrm.supervision import targets

LEAST = 0.2
"""Correlation below which a name is not to be relied on."""
FEWEST = 10
"""Held-out prompts with ratings from which on there is a number."""


@torch.no_grad()
def check_names(model: VRMModel, draws: Mapping[str, Tensor], batch: Batch, pairs: Pairs) -> dict[str, dict[str, Any]]:
    """Correlations of each named objective with its attribute, on pairs that the model has not seen.

    What a name promises is that the objective's score of an answer follows the attribute's rating of it: that decides. The weight is
    compared with its target (``supervision.targets``) besides: it says whether prompts ask for the objective where the ratings say so.

    Args:
        model: fitted, with a bilinear decoder.
        draws: of its globals.
        batch: held-out pairs, as the model takes them.
        pairs: the same, with their ratings.

    Returns:
        By objective: ``prompts``, held-out ones with ratings that differ; ``score`` and, of several objectives, ``weight``: ``value``,
        ``low`` and ``high`` (central 90 %, bootstrap over prompts), None where there are too few prompts or nothing varies;
        ``reliable``: whether the score's is ``LEAST`` or more, None where it is not known; ``closer``: another attribute (``name``) that the
        score follows more closely, by intervals that do not overlap, or None.
    """
    answers, found = Answers.of(batch, pairs), {}
    scores, prompt = objective_scores(model, draws, answers.embedding), batch["prompt_index"].cpu().numpy()
    target = targets(batch["scores"]).double().cpu().numpy()
    weights = model.weights.mean(batch["prompt"]).double().cpu().numpy()
    named = model.shape.objectives[: model.shape.attributes]
    rated = answers.ratings[:, [answers.attributes.index(name) for name in named]]
    prompts = [_compared(column, answers.prompt) for column in rated.T]
    follows = correlations(scores[:, : len(named)], rated, answers.prompt)
    asked = correlations(weights[:, : len(named)], target, prompt, within=False)
    for k, name in enumerate(named):
        known = prompts[k] >= FEWEST
        score = _one(follows[:, k, k]) if known else None
        weight = _one(asked[:, k, k]) if known and model.count > 1 else None
        reliable = None if score is None else score["value"] >= LEAST
        other = _closer(follows[:, k], k, prompts) if score else None
        closer = None if other is None else {"name": named[other], **(_one(follows[:, k, other]) or {})}
        found[name] = {"prompts": prompts[k], "score": score, "weight": weight, "reliable": reliable, "closer": closer}
    return found


def name_notes(found: Mapping[str, Mapping[str, Any]], *, unchecked: bool = True) -> list[str]:
    """For the user: names that are not to be relied on and, with ``unchecked``, those of which nothing is known."""
    notes = [
        f"objective {name!r}: on {one['prompts']} held-out prompts its scores follow the ratings of {name} with correlation {_shown(one['score'])}, "
        f"below {LEAST}: do not rely on this name"
        for name, one in found.items()
        if one["reliable"] is False
    ]
    notes += [
        f"objective {name!r}: on held-out prompts its scores follow the ratings of {one['closer']['name']} ({one['closer']['value']:.2f}) more closely than "
        f"those of {name} ({one['score']['value']:.2f}): its name says only a part of what it is"
        for name, one in found.items()
        if one["reliable"] and one["closer"]
    ]
    unknown = [f"{name} ({one['prompts']})" for name, one in found.items() if one["reliable"] is None]
    if unknown and unchecked:
        notes.append(
            f"names of objectives not checked: {FEWEST} held-out prompts with differing ratings are needed; found: {', '.join(unknown)}"
        )
    return notes


def _compared(rated: np.ndarray, prompt: np.ndarray) -> int:
    """Prompts with two ratings that differ."""
    there = np.isfinite(rated)
    pairs = {(int(p), float(value)) for p, value in zip(prompt[there], rated[there], strict=True)}
    return int((np.unique([p for p, _ in pairs], return_counts=True)[1] > 1).sum()) if pairs else 0


def _one(numbers: np.ndarray) -> dict[str, float] | None:
    value, low, high = (float(number) for number in numbers)
    return None if np.isnan(numbers).any() else {"value": value, "low": low, "high": high}


def _closer(numbers: Float[np.ndarray, "3 b"], own: int, prompts: list[int]) -> int | None:
    """The attribute that a score follows most, if beyond doubt more than its own."""
    value = np.where(np.isnan(numbers).any(0) | (np.array(prompts) < FEWEST), -np.inf, numbers[0])
    best = int(value.argmax())
    return best if numbers[1, best] > numbers[2, own] else None


def _shown(one: Mapping[str, float]) -> str:
    return f"{one['value']:.2f} [{one['low']:.2f}, {one['high']:.2f}]"
