"""A start at the gated model's posterior: what is settled before there is a model, and the guide's coordinates around it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from probrm.data.batch import Batch
from probrm.guides import Layout, Whitening
from probrm.priors import Prior
from probrm.progress import Progress, silent
from probrm_models.vrm.config import SupervisionConfig
from probrm_models.vrm.model import VRMModel
from probrm_models.vrm.moments import squared_length
from probrm_models.vrm.networks import FLOOR, DirichletWeights
from probrm_models.vrm.warm_start.gate import gate_rows
from probrm_models.vrm.warm_start.gate_posterior import GatePosterior, fit_posterior
from probrm_models.vrm.warm_start.own_parts import LARGEST, components, residual_posterior
from probrm_models.vrm.warm_start.random_effects import ResponseEffects, fit_response_effects

PRECISION = 20.0
"""κ, where the settings do not say."""
_ROUNDS = 1
"""Of s and τ."""
_KNOWN = 0.05
"""Standard deviation of log τ where EM tells it, at the start."""
_MOST = 0.5
"""Share of the pairs in large components from which on EM tells τ."""


@dataclass(frozen=True)
class Start:
    """Where a fit of several objectives, or of one, begins.

    Attributes:
        scale: s; None where its evidence decides.
        ratio: ρ.
        precision: κ.
        effects: weights of one objective and the responses' own parts beside them, or beside the gate.
        squared_length: E|w|².
        residual: τ: centre and standard deviation of its logarithm.
        held: whether that is all that can be known of τ: the bound, whose densities of responses are independent, would know less.
        gate: its posterior; None of one objective.
    """

    scale: float | None
    ratio: float
    precision: float
    effects: ResponseEffects
    squared_length: float
    residual: tuple[float, float]
    held: bool
    gate: GatePosterior | None = None


@torch.no_grad()
def find_start(
    rows: Batch,
    count: int,
    scale: float | None,
    ratio: float,
    *,
    residual: Prior,
    precision: float = PRECISION,
    supervision: SupervisionConfig | None = None,
    left_out: Float[Tensor, "2 n"] | None = None,
    known: Start | None = None,
    progress: Progress = silent,
) -> Start:
    """The start of ``count`` objectives.

    Args:
        rows: training pairs with indices of responses.
        count: K.
        scale: s as the folds choose it; None with one objective only.
        ratio: ρ.
        residual: prior of τ.
        precision: κ.
        supervision: the loss that attributes add.
        left_out: the pairs' logits by fits that have not seen them, and their variances: in its own fit's logits a part of the responses' own is taken for what embeddings tell.
        known: an earlier start, whose τ is taken over.
        progress: shows the rounds of the responses' effects.
    """
    seen, gate, length = gate_rows(rows, supervision=supervision), None, 1.0
    features = seen.difference
    if count > 1:
        assert scale is not None
        gate = fit_posterior(seen, count, scale, ratio, precision, supervision=supervision)
        length = float(squared_length(FLOOR + precision * gate.mean.weights(seen).T).mean())
        # Responses' own parts are what neither their embeddings' differences nor the contrasts tell.
        features = torch.cat([features, (gate.mean.logits(seen) - features @ gate.mean.shared)[:, None]], 1)
    tau = known.residual if known and known.held else None if left_out is None else _residual(rows, left_out, residual, length)
    t = None if tau is None else math.exp(tau[0]) * length**0.5
    found, shrunk = effects_of(rows, features, scale, residual=t, progress=progress), 1.0
    # The folds choose s for the average response; effects are fitted beside weights of the response itself, which are larger.
    for _ in range(_ROUNDS):
        shrunk = (1 + math.pi / 4 * found.residual**2) ** 0.5
        if scale is not None:
            found = effects_of(rows, features, scale * shrunk, residual=t, progress=progress)
    found = replace(found, weights=found.weights / shrunk, factor=found.factor / shrunk, scale=found.scale / shrunk)
    held, tau = tau is not None, tau or (math.log(found.residual / length**0.5), _KNOWN)
    return Start(scale, ratio, precision, found, length, tau, held, gate)


def _residual(rows: Batch, left_out: Float[Tensor, "2 n"], prior: Prior, length: float) -> tuple[float, float] | None:
    """Log τ where most pairs are by themselves or in small components; None where responses are in so many pairs that EM knows more."""
    ends = rows["chosen_index"], rows["rejected_index"]
    if float((components(*ends)[1] > LARGEST).float().mean()) > _MOST:
        return None
    unsure = float(left_out[1].mean()) / 2  # of one response
    return residual_posterior(
        left_out[0], *ends, prior, outcome=rows["outcome"], weight=rows["weight"], squared_length=length, unsure=unsure
    )


def effects_of(
    rows: Batch, features: Float[Tensor, "n f"], scale: float | None, *, residual: float | None = None, progress: Progress = silent
) -> ResponseEffects:
    """Weights of ``features`` and one effect a response."""
    count = int(torch.cat([rows["chosen_index"], rows["rejected_index"]]).max()) + 1
    sides = rows["chosen_index"], rows["rejected_index"], count
    known = {"outcome": rows["outcome"], "weight": rows["weight"], "scale": scale, "residual": residual}
    return fit_response_effects(features, *sides, **known, progress=progress)


@torch.no_grad()
def around_gate(model: VRMModel, layout: Layout, start: Start) -> Whitening:
    """Coordinates in which the gate's posterior is a standard normal."""
    posterior = start.gate
    assert posterior is not None
    assert start.scale is not None
    assert isinstance(model.weights, DirichletWeights)
    model.weights.set_gate(posterior.mean.weight)
    # Scales are sites only where the user's own priors learn them.
    known = {"shared_scale": (start.scale, 0.1), "contrasts_scale": (start.scale * start.ratio**0.5, 0.1)}
    loc, dense = torch.zeros(layout.size), torch.eye(layout.size)
    sites = {site.name: site.flat for site in layout.sites}
    for name, place in sites.items():
        centre, width = known.get(name, (1.0, 0.3))
        loc[place], width = start.residual if name == "residual" else (math.log(centre), width)
        dense[place, place] /= width**2
    flat = torch.cat([torch.arange(layout.size)[sites[name]] for name in ("shared", "contrasts", "gate")])
    inverse = torch.linalg.inv(posterior.factor * posterior.sd)
    loc[flat] = posterior.mean.flat().float().cpu()
    dense[flat[:, None], flat] = (inverse.T @ inverse).float().cpu()
    nothing = torch.zeros(0, device=posterior.sd.device)
    return Whitening(loc.to(nothing), nothing, nothing.new_zeros(0, layout.size), dense.to(nothing))
