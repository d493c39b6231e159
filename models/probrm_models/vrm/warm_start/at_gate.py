"""A start at the gated model's posterior: what is settled before there is a model, and the guide's coordinates around it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from probrm.data.batch import Batch
from probrm.guides import Layout, Whitening
from probrm.progress import Progress, silent
from probrm_models.vrm.config import SupervisionConfig
from probrm_models.vrm.model import VRMModel
from probrm_models.vrm.moments import squared_length
from probrm_models.vrm.networks import FLOOR, DirichletWeights
from probrm_models.vrm.warm_start.gate import gate_rows
from probrm_models.vrm.warm_start.gate_posterior import GatePosterior, fit_posterior
from probrm_models.vrm.warm_start.random_effects import ResponseEffects, fit_response_effects

PRECISION = 20.0
"""κ, where the settings do not say."""
_WIDENED = 2
"""Rounds of s and τ."""


@dataclass(frozen=True)
class Start:
    """Where a fit of several objectives, or of one, begins.

    Attributes:
        scale: s beside responses' own parts, logits; None where its evidence decides.
        ratio: ρ.
        precision: κ.
        gate: its posterior; None of one objective.
        effects: the responses' own parts beside it; None of one objective.
        attenuation: by which they divide a logit: weights that know nothing of them are multiplied by it.
    """

    scale: float | None
    ratio: float
    precision: float
    gate: GatePosterior | None = None
    effects: ResponseEffects | None = None
    attenuation: float = 1.0


@torch.no_grad()
def find_start(
    rows: Batch,
    count: int,
    scale: float | None,
    ratio: float,
    *,
    precision: float = PRECISION,
    supervision: SupervisionConfig | None = None,
    progress: Progress = silent,
) -> Start:
    """The start of ``count`` objectives.

    The folds choose s without the responses' own parts. These attenuate a logit by ``√(1 + π τ² / 4)`` (MacKay 1992; two responses a
    pair), and where most responses are in one pair τ is known little: s grows with it, so that predictions stay what the folds have
    compared.

    Args:
        rows: training pairs with indices of responses.
        count: K.
        scale: s as the folds choose it; None with one objective only.
        ratio: ρ.
        precision: κ.
        supervision: the loss that attributes add.
        progress: shows the rounds of the responses' effects.
    """
    if scale is None:
        return Start(None, ratio, precision)
    seen, wider = gate_rows(rows, supervision=supervision), 1.0
    if count > 1:
        gate = fit_posterior(seen, count, scale, ratio, precision, supervision=supervision)
        # Responses' own parts are what neither their embeddings' differences nor the contrasts tell.
        apart = gate.mean.logits(seen) - seen.difference @ gate.mean.shared
        found = effects_of(rows, torch.cat([seen.difference, apart[:, None]], 1), scale, progress=progress)
        wider = _attenuation(found)
        return Start(scale * wider, ratio, precision, gate, found, wider)
    for _ in range(_WIDENED):
        wider = _attenuation(effects_of(rows, seen.difference, scale * wider))
    return Start(scale * wider, ratio, precision)


def _attenuation(found: ResponseEffects) -> float:
    return (1 + math.pi / 4 * found.residual**2) ** 0.5


def effects_of(
    rows: Batch, features: Float[Tensor, "n f"], scale: float | None, *, rounds: int = 20, progress: Progress = silent
) -> ResponseEffects:
    """Weights of ``features`` and one effect a response."""
    count = int(torch.cat([rows["chosen_index"], rows["rejected_index"]]).max()) + 1
    sides = rows["chosen_index"], rows["rejected_index"], count
    known = {"outcome": rows["outcome"], "weight": rows["weight"], "scale": scale}
    return fit_response_effects(features, *sides, **known, max_rounds=rounds, progress=progress)


@torch.no_grad()
def around_gate(model: VRMModel, rows: Batch, layout: Layout, start: Start) -> tuple[Whitening, float]:
    """Coordinates in which the gate's posterior is a standard normal, and τ."""
    posterior = start.gate
    assert posterior is not None
    assert start.effects is not None
    assert start.scale is not None
    assert isinstance(model.weights, DirichletWeights)
    model.weights.set_gate(posterior.mean.weight)
    seen, root = gate_rows(rows), start.ratio**0.5
    # What one number was for a response, K numbers under the prompt's weights are: their weighted sum is as wide.
    length = squared_length(FLOOR + start.precision * posterior.mean.weights(seen).T).mean().sqrt()
    tau = start.effects.residual / float(length)
    # Scales are sites only where the user's own priors learn them.
    known = {"residual": (tau, 0.05), "shared_scale": (start.scale, 0.1), "contrasts_scale": (start.scale * root, 0.1)}
    loc, dense = torch.zeros(layout.size), torch.eye(layout.size)
    sites = {site.name: site.flat for site in layout.sites}
    for name, place in sites.items():
        centre, width = known.get(name, (1.0, 0.3))
        loc[place] = math.log(centre)
        dense[place, place] /= width**2
    flat = torch.cat([torch.arange(layout.size)[sites[name]] for name in ("shared", "contrasts", "gate")])
    mean, wider = posterior.mean, start.attenuation
    unit = torch.cat([mean.flat().new_full((mean.shared.numel() + mean.contrasts.numel(),), wider), torch.ones_like(mean.weight.flatten())])
    inverse = torch.linalg.inv(unit[:, None] * posterior.factor * posterior.sd)
    loc[flat] = (unit * mean.flat()).float().cpu()
    dense[flat[:, None], flat] = (inverse.T @ inverse).float().cpu()
    nothing = torch.zeros(0, device=rows["chosen"].device)
    return Whitening(loc.to(nothing), nothing, nothing.new_zeros(0, layout.size), dense.to(nothing)), tau
