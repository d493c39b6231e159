"""Does an objective that is named after an attribute follow it on prompts that the fit has not seen?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
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
        ``reliable``: whether the score's is ``LEAST`` or more, None where it is not known.
    """
    answers, found = Answers.of(batch, pairs), {}
    scores, prompt = objective_scores(model, draws, answers.embedding), batch["prompt_index"].cpu().numpy()
    target = targets(batch["scores"]).double().cpu().numpy()
    weights = model.weights.mean(batch["prompt"]).double().cpu().numpy()
    for k, name in enumerate(model.shape.objectives[: model.shape.attributes]):
        rated = answers.ratings[:, answers.attributes.index(name)]
        prompts = _compared(rated, answers.prompt)
        score = _one(scores[:, k], rated, answers.prompt, within=True) if prompts >= FEWEST else None
        weight = _one(weights[:, k], target[:, k], prompt, within=False) if prompts >= FEWEST and model.count > 1 else None
        found[name] = {"prompts": prompts, "score": score, "weight": weight, "reliable": None if score is None else score["value"] >= LEAST}
    return found


def name_notes(found: Mapping[str, Mapping[str, Any]], *, unchecked: bool = True) -> list[str]:
    """For the user: names that are not to be relied on and, with ``unchecked``, those of which nothing is known."""
    notes = [
        f"objective {name!r}: on {one['prompts']} held-out prompts its scores follow the ratings of {name} with correlation {_shown(one['score'])}, "
        f"below {LEAST}: do not rely on this name"
        for name, one in found.items()
        if one["reliable"] is False
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


def _one(x: np.ndarray, y: np.ndarray, group: np.ndarray, *, within: bool) -> dict[str, float] | None:
    value, low, high = (float(number) for number in correlations(x[:, None], y[:, None], group, within=within)[:, 0, 0])
    return None if np.isnan([value, low, high]).any() else {"value": value, "low": low, "high": high}


def _shown(one: Mapping[str, float]) -> str:
    return f"{one['value']:.2f} [{one['low']:.2f}, {one['high']:.2f}]"
