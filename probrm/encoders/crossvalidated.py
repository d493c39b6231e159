"""Held-out log-likelihoods of penalised logistic regressions, all folds at once."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float64, Int64
from torch import Tensor

SCALES = (0.125, 0.25, 0.5, 1.0, 2.0, 4.0)
"""Standard deviations of the normal prior on the weights of standardised columns, divided by the root of their number."""
_FOLDS, _SMALL, _REPEATS = 10, 600, 3
"""Up to ``_SMALL`` rows the split into folds is repeated: one of them says little there."""
_STEPS, _TOLERANCE = 200, 1e-4


def held_out(
    features: Float64[np.ndarray, "n d"],
    outcome: Float64[np.ndarray, " n"],
    group: Int64[np.ndarray, " n"],
    *,
    weight: Float64[np.ndarray, " n"] | None = None,
    beside: tuple[Float64[np.ndarray, "n k"], Float64[np.ndarray, " k"]] | None = None,
) -> Float64[np.ndarray, " n"]:
    """The log-likelihood of each row from fits that have not seen its group, at the best of ``SCALES``.

    Args:
        features: what is asked about; standardised columns.
        outcome: 0, 1, or 0.5.
        group: codes; rows of one group are held out together. At least two.
        weight: of the rows.
        beside: more columns, and the precision of the prior on the weight of each; no intercept is added.
    """
    n = len(outcome)
    masks = _training(group)
    columns, precision = beside if beside is not None else (np.zeros((n, 0)), np.zeros(0))
    design = torch.from_numpy(np.concatenate([_compact(features / np.sqrt(features.shape[1])), columns], 1)).float()
    size = design.shape[1] - columns.shape[1]
    target = torch.from_numpy(outcome).float()[:, None]
    rows = masks * (1.0 if weight is None else torch.from_numpy(weight).float()[:, None])
    best, weights = None, torch.zeros(design.shape[1], masks.shape[1])
    for scale in SCALES:
        penalty = torch.from_numpy(np.concatenate([np.full(size, scale**-2), precision])).float()
        weights = _fit(design, target, rows, penalty, weights)
        logits = design @ weights
        found = target * logits - torch.nn.functional.softplus(logits)
        mean = ((1 - masks) * found).sum(1) / (1 - masks).sum(1)
        if best is None or float(_mean(mean, weight)) > float(_mean(best, weight)):
            best = mean
    assert best is not None
    return best.double().numpy()


def _fit(design: Tensor, target: Tensor, rows: Tensor, penalty: Tensor, start: Tensor) -> Tensor:
    """Weights (p, f) of f weighted regressions by accelerated steps under Böhning & Lindsay's (1988) bound on the curvature.

    The bound is one matrix for all folds, factored once.
    """
    bound = (design * rows.amax(1, keepdim=True)).T @ design / 4 + torch.diag(penalty)
    factor = torch.linalg.cholesky(bound + 1e-6 * bound.diagonal().mean() * torch.eye(len(bound)))
    ahead = weights = start
    momentum = 1.0
    for _ in range(_STEPS):
        gradient = design.T @ (rows * (torch.sigmoid(design @ ahead) - target)) + penalty[:, None] * ahead
        new = ahead - torch.cholesky_solve(gradient, factor)
        step = new - weights
        if float(((ahead - new) * step).sum()) > 0:  # uphill: start the acceleration again (O'Donoghue & Candès 2015)
            momentum = 1.0
        following = (1 + (1 + 4 * momentum**2) ** 0.5) / 2
        ahead, weights, momentum = new + (momentum - 1) / following * step, new, following
        if float(step.abs().max()) < _TOLERANCE * max(1e-3, float(weights.abs().max())):
            break
    return weights


def _compact(features: np.ndarray) -> np.ndarray:
    """No more columns than rows, with the same inner products: to a ridge the same features."""
    n, d = features.shape
    if d <= n:
        return features
    gram = features @ features.T
    return np.linalg.cholesky(gram + 1e-9 * max(float(np.trace(gram)) / n, 1e-12) * np.eye(n))


def _training(group: np.ndarray) -> Tensor:
    """1 where a row trains, (n, f): every group is held out in one fold of each repetition."""
    codes = np.unique(group, return_inverse=True)[1]
    count = int(codes.max()) + 1
    folds = min(_FOLDS, count)
    masks = []
    for repeat in range(_REPEATS if len(group) <= _SMALL and count > folds else 1):
        fold = np.random.default_rng(repeat).permutation(count)[codes] % folds
        masks += [torch.from_numpy(fold != held).float() for held in range(folds)]
    return torch.stack(masks, 1)


def _mean(values: Tensor, weight: np.ndarray | None) -> Tensor:
    return values.mean() if weight is None else (values * torch.from_numpy(weight).float()).sum() / weight.sum()
