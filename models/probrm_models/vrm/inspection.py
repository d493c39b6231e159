"""What a prompt weighs, and what each objective contributes to one pair."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from probrm.data.batch import Batch
from probrm.inference.device import own_random_stream
from probrm.posterior import LEVEL
from probrm_models.vrm.model import VRMModel
from probrm_models.vrm.predictions import weight_draws

_DRAWS = 1000
_NUMBERS = 8_000_000
"""Held at a time; torch.quantile takes 16 million at most."""


@torch.no_grad()
def objective_weights(model: VRMModel, draws: Mapping[str, Tensor], batch: Batch, *, seed: int = 0) -> dict[str, np.ndarray]:
    """Posterior mean and central 90 % interval of each objective's weight, ``(n,)`` each.

    Returns:
        ``weight_NAME``, ``weight_NAME_low`` and ``weight_NAME_high`` for each objective; the means of a row sum to 1.
    """
    tail = torch.tensor([(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    distinct, place = torch.unique(batch["prompt"], dim=0, return_inverse=True)
    parts = []
    with own_random_stream(seed):
        for prompts in distinct.split(max(1, _NUMBERS // (_DRAWS * len(model.shape.objectives)))):
            w = weight_draws(model, draws, prompts, _DRAWS)
            parts.append(torch.stack([w.mean(0), *torch.quantile(w, tail, dim=0)]))
    found = torch.cat(parts, 1)[:, place].numpy()
    return {
        f"weight_{name}{suffix}": found[i, :, k]
        for k, name in enumerate(model.shape.objectives)
        for i, suffix in enumerate(("", "_low", "_high"))
    }


@torch.no_grad()
def contributions(model: VRMModel, draws: Mapping[str, Tensor], pair: Batch, *, seed: int = 0) -> dict[str, Any]:
    """The prompt's weights, and what each objective adds to ``r_chosen − r_rejected``; nothing of that for a network decoder.

    Args:
        model: fitted.
        draws: of its globals.
        pair: one row.
    """
    with own_random_stream(seed):
        w = weight_draws(model, draws, pair["prompt"])[:, 0]
        table: dict[str, Any] = {"weights": _table(model, w)}
        if model.trunk is None:
            embedding = [
                model.inputs(pair[side]) if model.features is None else model.features(pair[side]).mean for side in ("chosen", "rejected")
            ]
            gap = torch.einsum("skd,d->sk", model.objectives(draws), (embedding[0] - embedding[1])[0])
            table["contributions"] = _table(model, w * gap)
    return table


def _table(model: VRMModel, values: Tensor) -> dict[str, dict[str, float]]:
    low, high = torch.quantile(values, torch.tensor([(1 - LEVEL) / 2, (1 + LEVEL) / 2]), dim=0)
    return {
        name: {"mean": float(values[:, k].mean()), "low": float(low[k]), "high": float(high[k])}
        for k, name in enumerate(model.shape.objectives)
    }
