"""Bradley–Terry with a Bayesian last layer and an effect of each response: a Gaussian posterior and EM.

A response is in many pairs, and an encoder does not see everything that people saw in it. A model that takes pairs as
independent given the weights counts what is peculiar to one response once for each of its pairs, and its posterior of the
weights comes out several times too narrow. Here

    r_j = w·x_j + ε_j,   w ~ N(0, s² I),   ε_j ~ N(0, t²),   P(c preferred to r) = σ(r_c − r_r),

with s and t half-normal. Weights and effects are found by Newton's method jointly, the effects eliminated by the Schur
complement; s and t are at the mode of their evidence (of their logarithms' density, as everywhere in this package), by EM
made Newton's with the information that is missing (Louis 1982).

The joint mode is no place to stop: where a response has few pairs, maximising over its effect instead of averaging halves t
and shrinks the weights (Breslow & Lin 1995; here t = 1 came out as .6, and weights 2 standard errors off). So slope and
curvature of the likelihood are averaged over the posterior of each pair's difference, by quadrature, which makes the answer
the Gaussian that is nearest in KL(q ‖ posterior) (Opper & Archambeau 2009; Challis & Barber 2013) instead of Laplace's.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import softplus

from probrm.errors import TrainingError
from probrm.progress import Progress, silent
from probrm_models.vrm.warm_start.blocks import Block, Graph, graph

_ROUGH, _EXACT = 1e-2, 1e-22
"""Nats that Newton's next step would still gain: between rounds, and at the end."""
_SETTLED = 0.02
"""Nats of evidence that the next step of the scales would gain, at which the rounds end."""
_AGREED = 1e-3
"""Change of the pairs' posterior standard deviations, relative to 1 logit, at which the averages are at rest."""
_PASSES = 50
"""After which they are taken as they are; a handful is usual."""
_NODES = 20
"""Of the Gauss–Hermite quadrature."""
_LEAST = 0.05
"""Share of a scale's information that is left to it at least when the effects' uncertainty is taken off."""


@dataclass(frozen=True)
class ResponseEffects:
    """The fit.

    Attributes:
        weights: posterior mean, ``(D,)``, float64.
        factor: lower Cholesky factor of the weights' posterior covariance with the effects integrated out, ``(D, D)``.
        scale: s, the weights' standard deviation.
        residual: t, the effects' standard deviation, in the units of the reward (logits).
        effects: means of ε, ``(J,)``; 0 for a response in no pair.
        effect_sd: their posterior standard deviations, ``(J,)``.
        rounds: of the EM algorithm.
        cut: pairs left out because their component was too large (``blocks.LARGEST``).
    """

    weights: Float[Tensor, " D"]
    factor: Float[Tensor, "D D"]
    scale: float
    residual: float
    effects: Float[Tensor, " J"]
    effect_sd: Float[Tensor, " J"]
    rounds: int
    cut: int


def fit_response_effects(
    difference: Float[Tensor, "n D"],
    chosen: Int[Tensor, " n"],
    rejected: Int[Tensor, " n"],
    responses: int,
    *,
    outcome: Float[Tensor, " n"] | None = None,
    weight: Float[Tensor, " n"] | None = None,
    scale_prior: float = 2.0,
    residual_prior: float = 2.0,
    scale: float | None = None,
    residual: float | None = None,
    averaged: bool = True,
    max_rounds: int = 20,
    progress: Progress = silent,
) -> ResponseEffects:
    """Fits weights, effects and their scales.

    Args:
        difference: features of the chosen response minus those of the rejected.
        chosen: number of the chosen response, below ``responses``.
        rejected: number of the rejected one.
        responses: J.
        outcome: y: 1 where the chosen one is preferred, 0.5 for a tie; the log likelihood is
            ``weight (y log σ(d) + (1 − y) log σ(−d))``. None is all 1.
        weight: of each pair, not negative; None is all 1.
        scale_prior: scale of the half-normal prior of s.
        residual_prior: of t.
        scale: s where it is known; then it is not estimated.
        residual: t where it is known (positive).
        averaged: False takes slope and curvature at the mode: Laplace's approximation.
        max_rounds: of the EM algorithm.
        progress: shows the rounds.

    Raises:
        TrainingError: a feature, outcome or weight is not finite.
    """
    x = difference.double()
    y = torch.ones(len(x), dtype=x.dtype, device=x.device) if outcome is None else outcome.to(x)
    weight = torch.ones_like(y) if weight is None else weight.to(x)
    if not all(bool(torch.isfinite(t).all()) for t in (x, y, weight)):
        raise TrainingError("the pairs' features, outcomes or weights are not all finite", fix="look for extreme or missing values")
    used, ends = torch.cat([chosen, rejected]).unique(return_inverse=True)
    parts = graph(ends[: len(x)], ends[len(x) :], len(used))
    posterior = EffectsPosterior(x[parts.pairs], y[parts.pairs], weight[parts.pairs], parts)
    # What is two by two stays on the CPU.
    known = torch.tensor([scale is not None, residual is not None], device="cpu")
    logs = torch.tensor([scale or 1.0, residual or 1.0], dtype=torch.float64, device="cpu").log()
    widths = torch.tensor([scale_prior, residual_prior], dtype=torch.float64, device="cpu")
    rounds = 0
    posterior.newton(logs, _ROUGH)
    if not bool(known.all()):
        with progress.task("response effects", max_rounds) as advance:
            while rounds < max_rounds:
                rounds += 1
                change = posterior.average() if averaged else 0.0
                step, gain = _scale_step(*posterior.scores(logs), logs, widths, known)
                logs = logs + step
                posterior.newton(logs, _ROUGH)
                advance(1, scale=float(logs[0].exp()), residual=float(logs[1].exp()))
                if gain < _SETTLED and change < 0.1:
                    break
    for _ in range(_PASSES):
        if not averaged or posterior.average() < _AGREED:
            break
        posterior.newton(logs, _ROUGH)
    posterior.newton(logs, _EXACT)
    s, t = logs.exp().tolist()
    effects, sd = x.new_zeros(responses), x.new_full((responses,), t)
    places = used[parts.responses]
    effects[places], sd[places] = posterior.effects, posterior.effect_sd()
    return ResponseEffects(posterior.weights, posterior.factor, s, t, effects, sd, rounds, parts.cut)


def _scale_step(
    moments: Float[Tensor, " 2"],
    missing: Float[Tensor, "2 2"],
    sizes: Float[Tensor, " 2"],
    logs: Float[Tensor, " 2"],
    widths: Float[Tensor, " 2"],
    known: Tensor,
) -> tuple[Tensor, float]:
    """One step of log s and log t up their evidence, and the nats that it gains.

    Args:
        moments: ``E|w|²/s²``, ``E|ε|²/t²``.
        missing: their covariance.
        sizes: D and J.
        logs: log s, log t.
        widths: of the half-normal priors.
        known: scales that stay.
    """
    ratio = (logs.exp() / widths).square()
    gradient = (moments - sizes + 1.0 - ratio).masked_fill(known, 0.0)
    complete = 2 * moments + 2 * ratio
    missing = missing.masked_fill(known, 0.0).masked_fill(known[:, None], 0.0)
    root = complete.rsqrt()
    shares, axes = torch.linalg.eigh(torch.eye(2, dtype=root.dtype, device=root.device) - root[:, None] * missing * root)
    step = root * (axes @ ((axes.T @ (root * gradient)) / shares.clamp_min(_LEAST)))
    return step.clamp(-1.0, 1.0), float(step @ gradient) / 2


class EffectsPosterior:
    """The Gaussian at the mode for given scales; ``newton`` moves it.

    With ``B`` the signed incidence of responses in pairs and ``W`` the likelihood's curvature, the joint curvature is
    ``[[XᵀWX + I/s², XᵀWB], [BᵀWX, BᵀWB + I/t²]]``; ``G`` is its lower right block's inverse times the lower left.
    """

    def __init__(self, x: Tensor, y: Tensor, weight: Tensor, parts: Graph) -> None:
        self.x, self.y, self.weight, self.parts = x, y, weight, parts
        self.weights, self.effects = x.new_zeros(x.shape[1]), x.new_zeros(len(parts.responses))
        self.sd = torch.zeros_like(y)
        nodes, masses = np.polynomial.hermite_e.hermegauss(_NODES)
        self.nodes, self.masses = torch.from_numpy(nodes).to(x), torch.from_numpy(masses / masses.sum()).to(x)

    def newton(self, logs: Tensor, tolerance: float, max_steps: int = 100) -> None:
        """Moves to the mode by Newton steps, halved while they do not climb, and keeps the curvature there."""
        precision = (-2 * logs).exp().tolist()
        value, last = self._value(self.weights, self.effects, precision), float("inf")
        for _ in range(max_steps):
            along_w, along_e, gain = self._step(precision)
            if gain < tolerance or (gain < 1e-12 and gain > last / 2):  # the second: all that rounding allows
                return
            last, length = gain, 1.0
            while True:
                w, e = self.weights + length * along_w, self.effects + length * along_e
                new = self._value(w, e, precision)
                # Below a millionth of a nat the step is Newton's own, and values differ by rounding only.
                if gain < 1e-6 or new >= value + 1e-4 * length * gain or length < 1e-6:
                    break
                length /= 2
            self.weights, self.effects, value = w, e, new

    def scores(self, logs: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """``E|w|²/s²`` and ``E|ε|²/t²``, their covariance, and D and J."""
        twice, thrice = torch.zeros_like(self.factor), torch.zeros_like(self.factor)
        pulled, own, trace, square = torch.zeros_like(self.weights), 0.0, 0.0, 0.0
        for block, inverse in zip(self.parts.blocks, self.inverses, strict=True):
            g = self._coupling(block, inverse)
            effects = self.effects[block.responses]
            twice += g.T @ g
            thrice += g.T @ _apply(inverse, g)
            pulled += g.T @ effects
            own += float(effects @ _apply(inverse, effects[:, None])[:, 0])
            trace += float(inverse.diagonal(dim1=1, dim2=2).sum())
            square += float(inverse.square().sum())
        factor, w, e = self.factor, self.weights, self.effects
        covariance = factor @ factor.T
        within = factor.T @ twice @ factor
        along = factor.T @ pulled
        units = (2 * logs).exp().cpu()
        moments = torch.stack([w @ w + covariance.trace(), e @ e + trace + within.trace()]).cpu() / units
        weights = 2 * covariance.square().sum() + 4 * (factor.T @ w).square().sum()
        effects = 2 * (square + 2 * ((thrice @ factor) * factor).sum() + within.square().sum()) + 4 * (own + along @ along)
        both = 2 * ((factor @ within) * factor).sum() - 4 * (factor.T @ w) @ along
        missing = torch.stack([weights, both, both, effects]).reshape(2, 2).cpu() / (units[:, None] * units)
        return moments, missing, torch.tensor([len(w), len(e)], dtype=torch.float64, device="cpu")

    def average(self) -> float:
        """Takes the pairs' posterior standard deviations from the present Gaussian; returns the largest change."""
        variance = []
        for block, inverse in zip(self.parts.blocks, self.inverses, strict=True):
            x, k = self.x[block.pairs] - block.spread(self._coupling(block, inverse)), block.size
            flat = inverse.flatten()
            rows, columns = (block.left, block.left, block.right, block.right), (block.left, block.right, block.left, block.right)
            four = [flat[row * k + column % k] for row, column in zip(rows, columns, strict=True)]
            variance.append((x @ self.factor).square().sum(1) + four[0] - four[1] - four[2] + four[3])
        before, self.sd = self.sd, torch.cat(variance).sqrt()
        return float((self.sd - before).abs().max())

    def effect_sd(self) -> Tensor:
        """Of the effects, with the weights' uncertainty."""
        variance = [
            inverse.diagonal(dim1=1, dim2=2).flatten() + (self._coupling(block, inverse) @ self.factor).square().sum(1)
            for block, inverse in zip(self.parts.blocks, self.inverses, strict=True)
        ]
        return torch.cat(variance).sqrt()

    def _value(self, w: Tensor, e: Tensor, precision: list[float]) -> float:
        d = self._differences(w, e)
        return float(
            (self.weight * ((self.y[:, None] * d - softplus(d)) @ self.masses)).sum() - (precision[0] * w @ w + precision[1] * e @ e) / 2
        )

    def _step(self, precision: list[float]) -> tuple[Tensor, Tensor, float]:
        """Newton's step, and ``gradient · step``; leaves the curvature in ``factor`` and ``inverses``."""
        p = torch.sigmoid(self._differences(self.weights, self.effects))
        slope, self.curvature = self.weight * (self.y - p @ self.masses), self.weight * ((p * (1 - p)) @ self.masses)
        up_w = self.x.T @ slope - precision[0] * self.weights
        up_e = torch.cat([b.gather(slope[b.pairs]) for b in self.parts.blocks]) - precision[1] * self.effects
        schur = precision[0] * torch.eye(len(up_w), dtype=up_w.dtype, device=up_w.device)
        right, self.inverses, alone = up_w.clone(), [], []
        for block in self.parts.blocks:
            inverse = block.inverse(self.curvature[block.pairs], precision[1])
            self.inverses.append(inverse)
            alone.append(_apply(inverse, up_e[block.responses][:, None])[:, 0])
            if len(block.left):
                x, bend = self.x[block.pairs], self.curvature[block.pairs]
                schur += x.T @ (bend[:, None] * (x - block.spread(self._coupling(block, inverse))))
                right -= x.T @ (bend * block.spread(alone[-1]))
        root = torch.linalg.cholesky((schur + schur.T) / 2)
        self.factor = torch.linalg.cholesky(torch.cholesky_inverse(root))
        along_w = torch.cholesky_solve(right[:, None], root)[:, 0]
        bend = self.curvature * (self.x @ along_w)
        along_e = torch.cat([a - _apply(i, b.gather(bend[b.pairs])[:, None])[:, 0] for b, i, a in self._zip(alone)])
        return along_w, along_e, float(up_w @ along_w + up_e @ along_e)

    def _zip(self, third: list[Tensor]) -> zip:
        return zip(self.parts.blocks, self.inverses, third, strict=True)

    def _coupling(self, block: Block, inverse: Tensor) -> Tensor:
        """The block's rows of ``G``."""
        return _apply(inverse, block.gather(self.curvature[block.pairs][:, None] * self.x[block.pairs]))

    def _differences(self, w: Tensor, e: Tensor) -> Tensor:
        """``X w + B ε``, and the quadrature's nodes around it, ``(n, nodes)``."""
        centre = self.x @ w + torch.cat([b.spread(e[b.responses]) for b in self.parts.blocks])
        return centre[:, None] + self.sd[:, None] * self.nodes


def _apply(inverse: Float[Tensor, "c k k"], values: Float[Tensor, "r f"]) -> Float[Tensor, "r f"]:
    """Block diagonal matrix times dense."""
    return torch.bmm(inverse, values.view(len(inverse), -1, values.shape[1])).flatten(0, 1)
