"""The mode of the gated model: what prompts weigh and how objectives differ, found together.

::

    v ~ N(0, s²), C ~ N(0, ρ s²), A ~ N(0, 1)
    o ~ Bernoulli(σ(Σ_k w_k (v + R C)_k·Δh)),  w = softmax(R A x)

x ends in a one. It is the variational reward model with each prompt's weights at their mean and without the responses' own parts. Its
likelihood is flat to first order in A and C at A = C = 0; its slope in the product of the two is ``M = Σ_i (o_i − p_i) x_i Δh_iᵀ`` with Bradley–Terry's
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
_ROUNDS = 200
_NEWTON = 30


@dataclass(frozen=True)
class GateRows:
    """Pairs as the gate sees them.

    Attributes:
        difference: Δh, ``(n, d)``, columns over √d.
        prompt: x, ``(n, p + 1)``, columns over √p, and a one.
        outcome: ``(n,)``, 1, 1/2 or 0.
        weight: ``(n,)``.
        target: what the weights ought to be, ``(n, k)``, NaN where that is not known; None without attributes.
    """

    difference: Float[Tensor, "n d"]
    prompt: Float[Tensor, "n p1"]
    outcome: Float[Tensor, " n"]
    weight: Float[Tensor, " n"]
    target: Float[Tensor, "n k"] | None = None

    def take(self, rows: Tensor) -> GateRows:
        """Some of the rows, by a mask."""
        target = None if self.target is None else self.target[rows]
        return GateRows(self.difference[rows], self.prompt[rows], self.outcome[rows], self.weight[rows], target)

    def loss(self, logit: Float[Tensor, "*s n"]) -> Float[Tensor, "*s n"]:
        """Minus the log likelihood of each pair, its weight left out, nats."""
        return -(self.outcome * F.logsigmoid(logit) + (1 - self.outcome) * F.logsigmoid(-logit))


@dataclass(frozen=True)
class Gate:
    """One gate, or many draws of it.

    Attributes:
        shared: v, ``(*s, d)``.
        contrasts: C, ``(*s, K − 1, d)``.
        weight: A, ``(*s, K − 1, p + 1)``.
        rotation: R, ``(K, K − 1)``.
    """

    shared: Float[Tensor, "*s d"]
    contrasts: Float[Tensor, "*s c d"]
    weight: Float[Tensor, "*s c p1"]
    rotation: Float[Tensor, "k c"]

    def scores(self, rows: GateRows) -> Float[Tensor, "*s k n"]:
        """Differences of the objectives' scores."""
        shared, contrasts = self.shared @ rows.difference.T, self.contrasts @ rows.difference.T
        return shared.unsqueeze(-2) + self.rotation @ contrasts

    def logits(self, rows: GateRows) -> Float[Tensor, "*s n"]:
        """Differences of the rewards."""
        return (self.weights(rows) * self.scores(rows)).sum(-2)

    def weights(self, rows: GateRows) -> Float[Tensor, "*s k n"]:
        """What each row's prompt weighs; rows come last, where sums and exponentials over K numbers are quick."""
        return torch.softmax(self.rotation @ (self.weight @ rows.prompt.T), -2)

    def flat(self) -> Float[Tensor, " D"]:
        """v, C and A in one vector."""
        return torch.cat([self.shared, self.contrasts.flatten(), self.weight.flatten()])

    def at(self, flat: Float[Tensor, "*s D"]) -> Gate:
        """The gates that such vectors stand for."""
        sizes = [part.numel() for part in (self.shared, self.contrasts, self.weight)]
        shared, contrasts, weight = flat.split(sizes, -1)
        place = flat.shape[:-1]
        return Gate(shared, contrasts.view(*place, *self.contrasts.shape), weight.view(*place, *self.weight.shape), self.rotation)


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


def ridge_variance(rows: GateRows, weights: Float[Tensor, " d"], scale: float, new: GateRows) -> Float[Tensor, " n"]:
    """Posterior variance of the logits of new pairs, by Laplace's approximation around ``ridge``'s mode."""
    p = torch.sigmoid(rows.difference @ weights)
    eye = torch.eye(len(weights), dtype=weights.dtype, device=weights.device) / scale**2
    lower = torch.linalg.cholesky((rows.difference * (rows.weight * p * (1 - p))[:, None]).T @ rows.difference + eye)
    return torch.linalg.solve_triangular(lower, new.difference.T, upper=False).square().sum(0)


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
    place, precision = start.flat().requires_grad_(), prior_precision(start, scale, ratio)
    optimiser = torch.optim.LBFGS(
        [place], max_iter=_ROUNDS, history_size=20, line_search_fn="strong_wolfe", tolerance_grad=1e-4, tolerance_change=1e-7
    )

    def closure() -> Tensor:
        optimiser.zero_grad()
        gate = start.at(place)
        loss = (rows.weight * rows.loss(gate.logits(rows))).sum() + (precision * place.square()).sum() / 2
        loss = loss + supervised(gate.weights(rows).T, rows, supervision)
        loss.backward()
        return loss

    with torch.enable_grad():
        optimiser.step(closure)  # type: ignore[arg-type]
    return start.at(place.detach())


def prior_precision(gate: Gate, scale: float, ratio: float) -> Float[Tensor, " D"]:
    """Of v, C and A, in the order of ``Gate.flat``."""
    parts = (gate.shared, scale**-2), (gate.contrasts, scale**-2 / ratio), (gate.weight, 1.0)
    return torch.cat([part.new_full((part.numel(),), precision) for part, precision in parts])


def supervised(weights: Float[Tensor, "n k"], rows: GateRows, supervision: SupervisionConfig | None) -> Tensor | float:
    """What attributes add to the loss."""
    if rows.target is None or supervision is None or not supervision.weight:
        return 0.0
    return supervision.weight * (rows.weight * supervision_loss(weights, rows.target, supervision.loss)).sum()


@torch.no_grad()
def _start(rows: GateRows, rotation: Tensor, shared: Tensor, supervision: SupervisionConfig | None) -> Gate:
    """Features of prompts that interact most with differences of responses or, supervised, that go with the attributes' targets."""
    c, prompt = rotation.shape[1], rows.prompt[:, :-1]
    surprise = rows.weight * (rows.outcome - torch.sigmoid(rows.difference @ shared))
    if rows.target is not None and supervision is not None and supervision.weight:
        wanted = (rows.target - rows.target.nanmean(0)).nan_to_num() @ rotation[: rows.target.shape[1]]
        directions = prompt.T @ wanted
    else:
        directions = torch.linalg.svd((prompt * surprise[:, None]).T @ rows.difference, full_matrices=False)[0][:, :c]
    directions = F.pad(directions, (0, c - directions.shape[1]))
    features = prompt @ directions
    size = features.std(0).clamp(min=1e-6)
    features, directions = features / size, directions / size
    contrasts = (features * surprise[:, None]).T @ rows.difference
    contrasts = SIZE * contrasts / (rows.difference @ contrasts.T).std(0).clamp(min=1e-6)[:, None]
    return Gate(shared, contrasts, F.pad(SIZE * directions.T, (0, 1)), rotation)


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
        F.pad(rows["prompt"] / p**0.5, (0, 1), value=1.0),
        rows["outcome"],
        rows["weight"],
        targets(rows["scores"]) if scored else None,
    )
