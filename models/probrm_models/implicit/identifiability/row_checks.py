"""What the rows say against a fit: labels that disagree, propensities that leave rows out, groups with too many or too few actions."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from probrm.data.batch import Batch
from probrm.diagnostics.overlap import Overlap, overlap
from probrm.diagnostics.predictive import Check, predictive_checks
from probrm.inference.rank_correlation import auroc
from probrm_models.implicit.model import ImplicitModel

_ROWS, _DRAWS = 5000, 200
_ERRORS = 3.0
"""Standard errors from which on a disagreement is told; two-sided false-alarm rate .0027."""


def _some(draws: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: value[:: max(1, len(value) // _DRAWS)][:_DRAWS] for name, value in draws.items()}


@torch.no_grad()
def overlap_of(model: ImplicitModel, draws: Mapping[str, Tensor], data: Batch) -> dict[str, Any]:
    """Overlap of the posterior mean propensities."""
    rows = data.slice(0, min(len(data), _ROWS))
    found: Overlap = overlap(model.propensity(_some(draws), rows).sigmoid().mean(0).clamp_min(1e-12).double().numpy())
    return found.to_dict()


@torch.no_grad()
def label_disagreement(model: ImplicitModel, draws: Mapping[str, Tensor], data: Batch) -> dict[str, Any] | None:
    """Explicit labels against the posterior of ``r*`` given the rows' actions; None without labels.

    ``biased``: their mean is off by more than three standard errors. ``contradicted``: the rewards rank them the wrong way round,
    beyond three standard errors of the area under the curve (Hanley & McNeil 1982, at area ½).
    """
    judged = (~data["label"].isnan()).nonzero()[:, 0]
    if not len(judged):
        return None
    rows = data.subset(judged)
    some = _some(draws)
    label = rows["label"].double().numpy()
    expected = model.log_odds_given_actions(some, rows).sigmoid().mean(0).double().numpy()
    variance = float((expected * (1 - expected)).sum())
    z = float((label - expected).sum()) / math.sqrt(max(variance, 1e-9))
    found: dict[str, Any] = {
        "labels": len(label),
        "observed": float(label.mean()),
        "expected": float(expected.mean()),
        "z": z,
        "biased": abs(z) > _ERRORS,
        "auroc": None,
        "contradicted": False,
    }
    good = int(label.sum())
    bad = len(label) - good
    if good and bad:
        area = auroc(rows["label"], model.reward(some, rows).mean(0))
        error = math.sqrt((good + bad + 1) / (12 * good * bad))
        found |= {"auroc": area, "contradicted": area < 0.5 - _ERRORS * error}
    return found


@torch.no_grad()
def row_checks(model: ImplicitModel, draws: Mapping[str, Tensor], data: Batch, facts: Mapping[str, np.ndarray], seed: int) -> list[Check]:
    """Posterior predictive checks of the actions by user, length and each covariate, on rows without a label; none for several actions."""
    if model.shape.actions:
        return []
    free = data["label"].isnan().nonzero()[:, 0][:_ROWS]
    if len(free) < 20:
        return []
    rows = data.subset(free)
    probability = model.log_likelihood(_some(draws), Batch({**rows.columns, "action": torch.ones(len(rows))}, len(rows))).exp()
    at = free.numpy()
    columns: dict[str, np.ndarray] = {name: values[at] for name, values in facts.items() if name != "prompt"}
    if model.shape.users and "user" not in columns:
        columns["user"] = rows["user"].numpy()
    if not facts:
        for part, names in (("propensity_covariates", model.shape.propensity_effects), ("reward_covariates", model.shape.reward_effects)):
            columns |= {name: rows[part][:, i].numpy() for i, name in enumerate(names)}
    return predictive_checks(rows["action"].numpy(), probability.double().numpy(), columns, seed)
