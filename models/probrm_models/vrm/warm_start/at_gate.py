"""A start at the gated model's mode: what is settled before there is a model, and the guide's coordinates around it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from probrm.data.batch import Batch
from probrm.guides import Layout, Whitening
from probrm.progress import Progress, silent
from probrm_models.vrm.config import SupervisionConfig
from probrm_models.vrm.model import VRMModel
from probrm_models.vrm.networks import GAIN, contrast_basis
from probrm_models.vrm.warm_start.gate import Gate, fit_gate, gate_draws, gate_rows, ridge, spread_precision
from probrm_models.vrm.warm_start.random_effects import ResponseEffects, fit_response_effects

PRECISION = 20.0
"""κ, where the settings do not say."""
_WIDENED = 2
"""Rounds of s and τ."""
_ROUNDS = 4
"""Of τ's EM algorithm where v and C are found with it, each with a curvature of K d columns."""
_DRAWS, _LOOSE = 64, 0.5
"""Draws of the gate, and the least κ."""


@dataclass(frozen=True)
class Start:
    """Where a fit of several objectives, or of one, begins.

    Attributes:
        scale: s, logits; None where its evidence decides.
        ratio: ρ.
        precision: κ, less what is not known of the gate.
        gate: the mode; None of one objective.
    """

    scale: float | None
    ratio: float
    precision: float
    gate: Gate | None


@torch.no_grad()
def find_start(
    rows: Batch,
    count: int,
    scale: float | None,
    ratio: float,
    *,
    precision: float = PRECISION,
    supervision: SupervisionConfig | None = None,
) -> Start:
    """The start of ``count`` objectives.

    The folds choose s for Bradley–Terry without the responses' own parts. These attenuate a logit by ``√(1 + π τ² / 4)`` (MacKay 1992; two
    responses a pair), and where most responses are in one pair τ is known little: s grows with it, so that predictions stay what the
    folds have compared.

    Args:
        rows: training pairs with indices of responses.
        count: K.
        scale: s as the folds choose it; None with one objective only.
        ratio: ρ.
        precision: κ.
        supervision: the loss that attributes add.
    """
    if scale is None:
        return Start(None, ratio, precision, None)
    seen, widened = gate_rows(rows, supervision=supervision), scale
    for _ in range(_WIDENED):
        widened = scale * (1 + math.pi / 4 * effects_of(rows, seen.difference, widened).residual ** 2) ** 0.5
    if count == 1:
        return Start(widened, ratio, precision, None)
    shared = ridge(seen, widened)
    gate = fit_gate(seen, contrast_basis(count).to(shared), shared, widened, ratio, supervision)
    kappa = spread_precision(gate, seen, gate_draws(gate, seen, widened, ratio, _DRAWS), precision)
    return Start(widened, ratio, max(kappa, _LOOSE), gate)


def effects_of(
    rows: Batch, features: Float[Tensor, "n f"], scale: float | None, *, rounds: int = 20, progress: Progress = silent
) -> ResponseEffects:
    """Weights of ``features`` and one effect a response."""
    count = int(torch.cat([rows["chosen_index"], rows["rejected_index"]]).max()) + 1
    sides = rows["chosen_index"], rows["rejected_index"], count
    known = {"outcome": rows["outcome"], "weight": rows["weight"], "scale": scale}
    return fit_response_effects(features, *sides, **known, max_rounds=rounds, progress=progress)


@torch.no_grad()
def around_gate(
    model: VRMModel, rows: Batch, layout: Layout, start: Start, progress: Progress = silent
) -> tuple[Whitening, ResponseEffects, float]:
    """Given the gate, v and C are the weights of one logistic regression with response effects.

    Sets the network of the weights, as every start does.

    Returns:
        Coordinates whitened by their joint covariance, the effects, and τ.
    """
    gate, precision = start.gate, start.precision
    assert gate is not None
    assert start.scale is not None
    last: nn.Linear = model.weights.network.layers[-1]  # type: ignore[assignment]
    last.weight[: model.count] = gate.weight / GAIN
    last.bias[: model.count] = gate.bias
    seen, root = gate_rows(rows), start.ratio**0.5
    d, weights = seen.difference.shape[1], gate.weights(seen)
    shares = root * weights @ gate.rotation
    features = torch.cat([seen.difference, *(share[:, None] * seen.difference for share in shares.T)], 1)
    found = effects_of(rows, features, start.scale, rounds=_ROUNDS, progress=progress)  # SVI goes on with τ
    length = weights.square().sum(-1)
    tau = found.residual / float((length + (1 - length) / (1 + precision)).mean().sqrt())
    # Scales are sites only where the user's own priors learn them.
    known = {"residual": (tau, 0.05), "shared_scale": (start.scale, 0.1), "contrasts_scale": (start.scale * root, 0.1)}
    unit = torch.cat([found.factor.new_ones(d), found.factor.new_full((len(found.factor) - d,), root)])
    inverse = torch.linalg.inv(unit[:, None] * found.factor)
    loc, dense = torch.zeros(layout.size), torch.eye(layout.size)
    sites = {site.name: site.flat for site in layout.sites}
    for name, place in sites.items():
        centre, width = known.get(name, (1.0, 0.3))
        loc[place] = math.log(centre)
        dense[place, place] /= width**2
    flat = torch.cat([torch.arange(layout.size)[sites[name]] for name in ("shared", "contrasts")])
    loc[flat] = (unit * found.weights).float().cpu()
    dense[flat[:, None], flat] = (inverse.T @ inverse).float().cpu()
    nothing = torch.zeros(0, device=rows["chosen"].device)
    return Whitening(loc.to(nothing), nothing, nothing.new_zeros(0, layout.size), dense.to(nothing)), found, tau
