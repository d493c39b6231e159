"""The intercept of a logistic head, from the mean of its probabilities over reference rows.

A rate that people can say something about ("four answers in ten are good") is a mean over answers. The intercept is not that
rate's logit: the logistic curve pulls the mean towards one half, the more so the more the logits vary.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

_ROUNDS, _UNWATCHED = 25, 12
"""Safeguarded Newton steps; 8 settle it in double precision where logits vary by a few units. On a GPU, where to look whether they have
would make the host wait, there are always as many as the second says."""


def mean_rate_intercept(rate: Float[Tensor, "*s"], slope: Float[Tensor, "*s r"]) -> Float[Tensor, "*s"]:
    """``b`` such that the mean over the last dimension of ``σ(b + slope)`` is ``rate``.

    Differentiable twice: the root is found without a graph, and two Newton steps from there carry the derivatives (an error of
    order δ becomes one of order δ⁴, so the first three derivatives are those of the root).

    Args:
        rate: in (0, 1).
        slope: the reference rows' logits without their intercept.
    """
    level = torch.logit(rate)
    if slope.shape[-1] == 1:
        return level - slope.squeeze(-1)
    b = _root(level.detach(), slope.detach())
    for _ in range(2):
        p = torch.sigmoid(b.unsqueeze(-1) + slope)
        mean = p.mean(-1)
        # Newton on the difference of logits: nearly linear, where that of rates is not.
        b = b - (torch.logit(mean) - level) * mean * (1 - mean) / (p * (1 - p)).mean(-1)
    return b


@torch.no_grad()
def _root(level: Float[Tensor, "*s"], slope: Float[Tensor, "*s r"]) -> Float[Tensor, "*s"]:
    """Newton on ``logit mean σ(b + slope) = level``, kept within a bracket that bisection narrows."""
    low, high = level - slope.amax(-1), level - slope.amin(-1)
    b = level - slope.mean(-1)
    tolerance = 1e-6 if slope.dtype == torch.float32 else 1e-12
    watched = slope.device.type == "cpu"
    for _ in range(_ROUNDS if watched else _UNWATCHED):
        p = torch.sigmoid(b.unsqueeze(-1) + slope)
        mean = p.mean(-1)
        error = torch.logit(mean) - level
        low, high = torch.where(error < 0, b, low), torch.where(error > 0, b, high)
        proposal = b - error * mean * (1 - mean) / (p * (1 - p)).mean(-1)
        inside = (proposal >= low) & (proposal <= high)  # false for NaN, too: probabilities that are all 0 or 1
        b = torch.where(inside, proposal, (low + high) / 2)
        if watched and _at_rest(error, tolerance):
            break
    return b


def _at_rest(error: Tensor, tolerance: float) -> bool:
    """Whether all roots are found, as far as that can be seen."""
    try:
        return bool((error.abs() < tolerance).all())
    except RuntimeError:  # vmap lets nobody look
        return False
