"""The mode of the gated model: what prompts weigh and how objectives differ, found together.

::

    v ~ N(0, s²), C ~ N(0, ρ s²), A ~ N(0, 1), b ~ N(0, 1)
    o ~ Bernoulli(σ(Σ_k w_k (v + R C)_k·Δh)),  w = softmax(A x + b)

It is the variational reward model with each prompt's weights at their mean and without the responses' own parts. Its likelihood is flat to
first order in A and C at A = C = 0; its slope in the product of the two is ``M = Σ_i (o_i − p_i) x_i Δh_iᵀ`` with Bradley–Terry's
probabilities p. The search begins at M's leading singular vectors; random places end worse.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from probrm.data.batch import Batch
from probrm_models.vrm.config import SupervisionConfig
from probrm_models.vrm.supervision import supervision_loss, targets

SIZE = 0.5
"""Standard deviation over the pairs of a contrast's difference of scores, logits, and over prompts of the gate's outputs, at the start."""
_ROUNDS = 150
_NEWTON = 30


@dataclass(frozen=True)
class GateRows:
    """Pairs as the gate sees them.

    Attributes:
        difference: Δh, ``(n, d)``, columns over √d.
        prompt: x, ``(n, p)``, columns over √p.
        outcome: ``(n,)``, 1, 1/2 or 0.
        weight: ``(n,)``.
        target: what the weights ought to be, ``(n, k)``, NaN where that is not known; None without attributes.
    """

    difference: Float[Tensor, "n d"]
    prompt: Float[Tensor, "n p"]
    outcome: Float[Tensor, " n"]
    weight: Float[Tensor, " n"]
    target: Float[Tensor, "n k"] | None = None

    def take(self, rows: Tensor) -> GateRows:
        """Some of the rows, by a mask."""
        target = None if self.target is None else self.target[rows]
        return GateRows(self.difference[rows], self.prompt[rows], self.outcome[rows], self.weight[rows], target)

    def loss(self, logit: Float[Tensor, " n"]) -> Float[Tensor, " n"]:
        """Minus the log likelihood of each pair, its weight left out, nats."""
        return -(self.outcome * F.logsigmoid(logit) + (1 - self.outcome) * F.logsigmoid(-logit))


@dataclass(frozen=True)
class Gate:
    """A fitted gate.

    Attributes:
        shared: v, ``(d,)``.
        contrasts: C, ``(K − 1, d)``.
        weight: A, ``(K, p)``.
        bias: b, ``(K,)``.
        rotation: R, ``(K, K − 1)``.
    """

    shared: Float[Tensor, " d"]
    contrasts: Float[Tensor, "c d"]
    weight: Float[Tensor, "k p"]
    bias: Float[Tensor, " k"]
    rotation: Float[Tensor, "k c"]

    def logits(self, rows: GateRows) -> Float[Tensor, " n"]:
        """Differences of the rewards."""
        scores = (rows.difference @ self.shared)[:, None] + (rows.difference @ self.contrasts.T) @ self.rotation.T
        return (self.weights(rows) * scores).sum(-1)

    def weights(self, rows: GateRows) -> Float[Tensor, "n k"]:
        """What each row's prompt weighs."""
        return torch.softmax(rows.prompt @ self.weight.T + self.bias, -1)


def ridge(rows: GateRows, scale: float) -> Float[Tensor, " d"]:
    """Bradley–Terry's weights under ``N(0, scale²)``: the mode, by Newton's steps."""
    x, w = rows.difference, rows.difference.new_zeros(rows.difference.shape[1])
    eye = torch.eye(len(w), dtype=x.dtype, device=x.device) / scale**2
    for _ in range(_NEWTON):
        p = torch.sigmoid(x @ w)
        gradient = x.T @ (rows.weight * (rows.outcome - p)) - w / scale**2
        step = torch.linalg.solve((x * (rows.weight * p * (1 - p))[:, None]).T @ x + eye, gradient)
        w = w + step
        if float(step @ gradient) < 1e-6:
            break
    return w


def fit_gate(
    rows: GateRows,
    rotation: Float[Tensor, "k c"],
    shared: Float[Tensor, " d"],
    scale: float,
    ratio: float,
    supervision: SupervisionConfig | None = None,
) -> Gate:
    """The mode.

    Args:
        rows: pairs.
        rotation: R of K ≥ 2 objectives.
        shared: Bradley–Terry's weights, where v begins.
        scale: s.
        ratio: ρ, variance of a contrast in that of v.
        supervision: the loss that attributes add, where rows have targets.
    """
    start = _start(rows, rotation, shared, supervision)
    places = [part.clone().requires_grad_() for part in (start.shared, start.contrasts, start.weight, start.bias)]
    precisions = (scale**-2, scale**-2 / ratio, 1.0, 1.0)
    optimiser = torch.optim.LBFGS(
        places, max_iter=_ROUNDS, history_size=20, line_search_fn="strong_wolfe", tolerance_grad=1e-4, tolerance_change=1e-7
    )

    def closure() -> Tensor:
        optimiser.zero_grad()
        gate = Gate(places[0], places[1], places[2], places[3], rotation)
        loss = (rows.weight * rows.loss(gate.logits(rows))).sum()
        if rows.target is not None and supervision is not None and supervision.weight:
            loss = loss + supervision.weight * (rows.weight * supervision_loss(gate.weights(rows), rows.target, supervision.loss)).sum()
        loss = loss + sum(precision / 2 * part.square().sum() for precision, part in zip(precisions, places, strict=True))
        loss.backward()
        return loss

    with torch.enable_grad():
        optimiser.step(closure)  # type: ignore[arg-type]
    found = [part.detach() for part in places]
    return Gate(found[0], found[1], found[2], found[3], rotation)


@torch.no_grad()
def _start(rows: GateRows, rotation: Tensor, shared: Tensor, supervision: SupervisionConfig | None) -> Gate:
    """Features of prompts that interact most with differences of responses or, supervised, that go with the attributes' targets."""
    k, c = rotation.shape
    surprise = rows.weight * (rows.outcome - torch.sigmoid(rows.difference @ shared))
    if rows.target is not None and supervision is not None and supervision.weight:
        wanted = (rows.target - rows.target.nanmean(0)).nan_to_num() @ rotation[: rows.target.shape[1]]
        directions = rows.prompt.T @ wanted
    else:
        directions = torch.linalg.svd((rows.prompt * surprise[:, None]).T @ rows.difference, full_matrices=False)[0][:, :c]
    directions = F.pad(directions, (0, c - directions.shape[1]))
    features = rows.prompt @ directions
    size = features.std(0).clamp(min=1e-6)
    features, directions = features / size, directions / size
    contrasts = (features * surprise[:, None]).T @ rows.difference
    contrasts = SIZE * contrasts / (rows.difference @ contrasts.T).std(0).clamp(min=1e-6)[:, None]
    bias = rows.difference.new_zeros(k)
    return Gate(shared, contrasts, SIZE * rotation @ directions.T, bias, rotation)


@torch.no_grad()
def gate_draws(gate: Gate, rows: GateRows, scale: float, ratio: float, count: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Draws of A ``(s, K, p)`` and b ``(s, K)`` around the mode: Laplace's approximation with the Gauss–Newton curvature.

    The curvature is that of all parameters together, ``Jᵀ diag(w p (1 − p)) J`` and the priors', J being the logits' Jacobian (Immer,
    Korzepa & Bauer 2021); v and C are integrated out.

    Args:
        gate: the mode.
        rows: the pairs that it was found in.
        scale: s.
        ratio: ρ.
        count: draws.
        seed: random seed.
    """
    weights, logits = gate.weights(rows), gate.logits(rows)
    scores = (rows.difference @ gate.shared)[:, None] + (rows.difference @ gate.contrasts.T) @ gate.rotation.T
    slope = weights * (scores - logits[:, None])
    shares = weights @ gate.rotation
    blocks = [rows.difference, *(s[:, None] * rows.difference for s in shares.T), *(s[:, None] * rows.prompt for s in slope.T), slope]
    jacobian, (k, p) = torch.cat(blocks, 1), gate.weight.shape
    d, contrasts = rows.difference.shape[1], gate.contrasts.numel()
    prior = torch.cat([torch.full((d,), scale**-2), torch.full((contrasts,), scale**-2 / ratio), torch.ones(k * p + k)]).to(logits)
    information = rows.weight * logits.sigmoid() * (-logits).sigmoid()
    lower = torch.linalg.cholesky((jacobian * information[:, None]).T @ jacobian + torch.diag(prior))
    noise = torch.randn(len(prior), count, generator=torch.Generator("cpu").manual_seed(seed), device="cpu").to(logits)
    moved = torch.linalg.solve_triangular(lower.T, noise, upper=True)[d + contrasts :].T
    return gate.weight + moved[:, : k * p].reshape(count, k, p), gate.bias + moved[:, k * p :]


@torch.no_grad()
def spread_precision(gate: Gate, rows: GateRows, draws: tuple[Tensor, Tensor], precision: float) -> float:
    """κ of a Dirichlet that spreads each prompt's weights as ``Dirichlet(κ)`` and the uncertainty of the gate do together.

    ``E[1 − |w|²] / (κ' + 1)`` is the variance of the weights, summed over the objectives and averaged over the prompts.
    """
    mean = gate.weights(rows)
    room = float((1 - mean.square().sum(-1)).mean())
    each = torch.stack([torch.softmax(rows.prompt @ a.T + b, -1) for a, b in zip(*draws, strict=True)])
    unsure = float(each.var(0).sum(-1).mean())
    return 1 / (1 / (precision + 1) + unsure / max(room, 1e-6)) - 1


def best_scale(rows: GateRows, folds: Tensor, scales: tuple[float, ...]) -> float:
    """The scale of Bradley–Terry's weights that predicts the pairs of left-out folds best.

    Args:
        rows: pairs.
        folds: of each, ``(n,)``, from 0.
        scales: those that are tried.
    """

    def left_out(scale: float) -> float:
        total = 0.0
        for fold in folds.unique().tolist():
            held = folds == fold
            seen, unseen = rows.take(~held), rows.take(held)
            total += float((unseen.weight * unseen.loss(unseen.difference @ ridge(seen, scale))).sum())
        return total

    return min(scales, key=left_out)


def gate_rows(rows: Batch, *, supervision: SupervisionConfig | None = None) -> GateRows:
    """Pairs with the columns of ``VRMModel``."""
    d, p = rows["chosen"].shape[1], rows["prompt"].shape[1]
    scored = supervision is not None and "scores" in rows and supervision.weight and supervision.loss != "none"
    return GateRows(
        (rows["chosen"] - rows["rejected"]) / d**0.5,
        rows["prompt"] / p**0.5,
        rows["outcome"],
        rows["weight"],
        targets(rows["scores"]) if scored else None,
    )
