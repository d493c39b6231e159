"""What determines the base rate: labels, an assumption, an experiment, saturation, or only the prior."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from probrm.data.batch import Batch
from probrm.diagnostics.contraction import contraction, intercept_correlation
from probrm.diagnostics.likelihood_interval import flat_range
from probrm_models.implicit.identifiability.base_rate import Level, LevelRange
from probrm_models.implicit.model import ImplicitModel

SATURATED = 1.5
"""Largest over smallest base rate that the log allows, below which saturation counts as fixing it."""
INFORMED = 0.75
"""Contraction of the base rate's variance from which on labels count as fixing it; 1 − (½)²: half the deviation."""
SURE = 0.1
"""Standard deviation of the base rate up to which saturation counts: in a small log the rows that come near 1 are uncertain themselves."""
NARROW = 0.15
"""Standard deviation of a prior of the base rate that counts as knowing it; that of Beta(2, 2) is .22."""


@torch.no_grad()
def level_evidence(level: Level, draws: Mapping[str, Tensor], model: ImplicitModel, data: Batch) -> dict[str, Any]:
    """The base rate's prior, evidence and posterior, and which of them decides.

    A base rate that only the shape of the link has pinned is governed by the prior: ``robust`` takes that evidence out, ``link`` leaves
    it in, and the verdict is the same.

    Returns:
        ``governed_by`` (experiment, actions, saturation, labels, assumption or prior) with a ``reason`` in words, ``range`` of base
        rates that the actions allow, ``contraction`` of prior to posterior, ``link_contraction`` (of prior to what the link's shape
        alone would give), ``intercept_correlation``, the ``likelihood_interval`` of the base rate (within 2 nats of the top, the link believed)
        and the ``profile`` of the evidence.
    """
    rate = torch.sigmoid(level.grid)

    def spread(log_density: Tensor) -> tuple[float, float]:
        weight = torch.softmax(log_density, 0)
        mean = float(weight @ rate)
        return mean, float((weight @ (rate - mean).square()).sqrt())

    prior_mean, prior_sd = spread(level.prior)
    before, after = spread(level.prior + level.actions - level.taken_out()), spread(level.marginal())
    link = spread(level.prior + level.actions)
    posterior = float(draws["base_rate"].double().std())
    allowed = level.range or _allowed(draws, model, data)
    by_labels = float(contraction(max(before[1], 1e-9), after[1]))
    labelled = bool((~data["label"].isnan()).any())
    if not model.level_is_open(data):
        several = len(model.shape.actions) > 1
        governed = "actions" if several else "experiment"
        reason = (
            "the base rate is fixed by several actions" if several else "the base rate is fixed by propensities known from an experiment"
        )
    elif allowed.ratio <= SATURATED and after[1] <= SURE:
        governed = "saturation"
        reason = f"rows where preference and propensity come near 1 narrow the base rate down to {after[0]:.2f} ± {after[1]:.2f}"
    elif labelled and by_labels >= INFORMED:
        governed, reason = "labels", f"the base rate is fixed by explicit labels: {after[0]:.2f} ± {after[1]:.2f}"
    elif prior_sd <= NARROW:
        governed, reason = "assumption", f"the base rate is taken from what was assumed: {prior_mean:.2f} ± {prior_sd:.2f}"
    else:
        governed = "prior"
        reason = (
            f"the base rate rests on its prior: actions allow {allowed.low:.2f} to {allowed.high:.2f}; "
            f"the shape of the logistic link alone would say {link[0]:.2f} ± {link[1]:.2f}, which is no evidence"
        )
    chosen = torch.linspace(0, len(rate) - 1, 33).long()
    return {
        "governed_by": governed,
        "reason": reason,
        "range": [allowed.low, allowed.high],
        "prior": {"mean": prior_mean, "sd": prior_sd},
        "posterior": {"mean": float(draws["base_rate"].double().mean()), "sd": posterior},
        "contraction": float(contraction(prior_sd, posterior)),
        "link_contraction": float(contraction(prior_sd, link[1])),
        "label_contraction": by_labels,
        "intercept_correlation": _correlation(draws, model),
        "likelihood_interval": flat_range(rate.numpy(), (level.actions - level.actions.max()).numpy()).to_dict(),
        "profile": {
            "base_rate": rate[chosen].tolist(),
            "log_evidence": (level.actions - level.actions.max())[chosen].tolist(),
            "taken_out": level.taken_out()[chosen].tolist(),
        },
    }


def _allowed(draws: Mapping[str, Tensor], model: ImplicitModel, data: Batch) -> LevelRange:
    values = {name: value.mean(0) for name, value in draws.items()}
    rows = data.slice(0, min(len(data), 10_000))
    return LevelRange.of(float(values["base_rate"]), model.reward(values, rows).sigmoid(), model.propensity(values, rows).sigmoid())


def _correlation(draws: Mapping[str, Tensor], model: ImplicitModel) -> float | None:
    """Of the reward's intercept and the (first) propensity's; None where there is no such thing."""
    if "propensity_intercept" not in draws:
        return None
    intercept = draws["propensity_intercept"].reshape(len(draws["propensity_intercept"]), -1)[:, 0]
    return intercept_correlation(model.reward_intercept(draws).double().numpy(), intercept.double().numpy())
