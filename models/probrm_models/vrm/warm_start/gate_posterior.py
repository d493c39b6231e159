"""A normal over the gated model's v, C and A: what the folds compare, and where the guide begins.

The likelihood is a product of A and C: where pairs are few for so many weights, its mode fits noise, and Laplace's approximation around it
lies there too. A normal that is diagonal in the coordinates which the curvature at the mode whitens, trained on the bound from there, moves
away from the noise within some hundred cheap steps.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from probrm_models.vrm.config import SupervisionConfig
from probrm_models.vrm.moments import of_reward
from probrm_models.vrm.networks import FLOOR, contrast_basis
from probrm_models.vrm.warm_start.gate import Gate, GateRows, fit_gate, prior_precision, ridge, supervised

STEPS = 300
_RATE, _BATCH = 0.05, 1024
_DRAWS, _TOGETHER = 100, 20


@dataclass(frozen=True)
class GatePosterior:
    """``θ = mean + factor (sd · ε)``, θ being v, C and A in one vector.

    Attributes:
        mean: as a gate.
        sd: in whitened coordinates, ``(D,)``; 1 is Laplace's approximation.
        factor: ``L⁻ᵀ``, L the Cholesky factor of the curvature at the mode, ``(D, D)``.
        precision: κ of the weights around their mean.
    """

    mean: Gate
    sd: Float[Tensor, " D"]
    factor: Float[Tensor, "D D"]
    precision: float

    def draws(self, noise: Float[Tensor, "*s D"]) -> Gate:
        """The gates of standard normal numbers."""
        return self.mean.at(self.mean.flat() + (self.sd * noise) @ self.factor.T)

    def logits(self, rows: GateRows, *, count: int = _DRAWS, seed: int = 0) -> Float[Tensor, "s n"]:
        """Draws of the logits of the chosen responses being preferred, averaged over the weights."""
        draw = torch.Generator("cpu").manual_seed(seed)
        noises = (torch.randn(_TOGETHER, len(self.sd), generator=draw, device="cpu").to(self.sd) for _ in range(0, count, _TOGETHER))
        return torch.cat([attenuated(self.draws(noise), rows, self.precision) for noise in noises])

    def probability(self, rows: GateRows, *, count: int = _DRAWS, seed: int = 0) -> Float[Tensor, " n"]:
        """Of the chosen response being preferred, averaged over the posterior and the weights."""
        return self.logits(rows, count=count, seed=seed).sigmoid().mean(0)


def attenuated(gate: Gate, rows: GateRows, precision: float) -> Float[Tensor, "*s n"]:
    """The logit of ``E σ(w·scores)`` over ``w ~ Dirichlet(κ weights + FLOOR)``, by the moments (MacKay 1992)."""
    mean, variance = of_reward(FLOOR + precision * gate.weights(rows), gate.scores(rows), -2)
    return mean / (1 + math.pi / 8 * variance).sqrt()


@torch.no_grad()
def fit_posterior(
    rows: GateRows,
    count: int,
    scale: float,
    ratio: float,
    precision: float,
    *,
    supervision: SupervisionConfig | None = None,
    steps: int = STEPS,
    seed: int = 0,
) -> GatePosterior:
    """From Bradley–Terry to the mode, its curvature, and the bound.

    Args:
        rows: pairs.
        count: K, 2 or more.
        scale: s.
        ratio: ρ.
        precision: κ.
        supervision: the loss that attributes add, where rows have targets.
        steps: of Adam.
        seed: of its draws and minibatches.
    """
    shared = ridge(rows, scale)
    mode = fit_gate(rows, contrast_basis(count).to(shared), shared, scale, ratio, supervision)
    factor = _inverse_transposed(curvature(mode, rows, scale, ratio))
    prior, centre = prior_precision(mode, scale, ratio), mode.flat()
    places = [torch.zeros_like(centre).requires_grad_() for _ in range(2)]  # of the mean, and log sd
    optimiser = torch.optim.Adam(places, lr=_RATE, betas=(0.9, 0.99), fused=True)
    slower = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    draw, n = torch.Generator("cpu").manual_seed(seed), len(rows.outcome)
    with torch.enable_grad():
        for _ in range(steps):
            taken = rows if n <= _BATCH else rows.take(torch.randint(n, (_BATCH,), generator=draw, device="cpu").to(centre.device))
            noise = torch.randn(len(centre), generator=draw, device="cpu").to(centre)
            flat = centre + factor @ (places[0] + places[1].exp() * noise)
            gate, part = mode.at(flat), n / len(taken.outcome)
            loss = (taken.weight * taken.loss(attenuated(gate, taken, precision))).sum() + supervised(
                gate.weights(taken).T, taken, supervision
            )
            loss = part * loss + (prior * flat.square()).sum() / 2 - places[1].sum()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            slower.step()
    return GatePosterior(mode.at(centre + factor @ places[0].detach()), places[1].detach().exp(), factor, precision)


def curvature(gate: Gate, rows: GateRows, scale: float, ratio: float) -> Float[Tensor, "D D"]:
    """``Jᵀ diag(weight p (1 − p)) J`` and the prior's, J being the logits' Jacobian: Gauss–Newton's (Immer, Korzepa & Bauer 2021)."""
    weights, scores = gate.weights(rows).T, gate.scores(rows).T
    logits = (weights * scores).sum(-1)
    shares, slope = weights @ gate.rotation, (weights * (scores - logits[:, None])) @ gate.rotation
    blocks = [rows.difference, *(s[:, None] * rows.difference for s in shares.T), *(s[:, None] * rows.prompt for s in slope.T)]
    jacobian = torch.cat(blocks, 1) * (rows.weight * logits.sigmoid() * (-logits).sigmoid()).sqrt()[:, None]
    result = jacobian.T @ jacobian
    result.diagonal().add_(prior_precision(gate, scale, ratio))
    return result


def _inverse_transposed(matrix: Float[Tensor, "D D"]) -> Float[Tensor, "D D"]:
    lower = torch.linalg.cholesky(matrix)
    return torch.linalg.solve_triangular(lower.T, torch.eye(len(lower), dtype=lower.dtype, device=lower.device), upper=True)
