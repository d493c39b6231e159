"""The intercept of a logistic head, from the mean of its probabilities over reference rows.

A rate that people can say something about ("four answers in ten are good") is a mean over answers. The intercept is not that
rate's logit: the logistic curve pulls the mean towards one half, the more so the more the logits vary.
"""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

_ROUNDS, _UNWATCHED = 25, 12
"""Safeguarded Newton steps; 8 settle it in double precision where logits vary by a few units. On a GPU, where to look whether they have
would make the host wait, there are always as many as the second says."""


def mean_rate_intercept(rate: Float[Tensor, "*s"], slope: Float[Tensor, "*s r"]) -> Float[Tensor, "*s"]:
    """``b`` such that the mean over the last dimension of ``σ(b + slope)`` is ``rate``.

    Differentiable as often as wanted: the root is found without a graph, its derivatives are those of the implicit function.

    Args:
        rate: in (0, 1).
        slope: the reference rows' logits without their intercept.
    """
    if slope.shape[-1] == 1:
        return torch.logit(rate) - slope.squeeze(-1)
    found: Tensor = _Intercept.apply(rate, slope)  # type: ignore[assignment]
    return found


class _Intercept(torch.autograd.Function):
    """With ``q = p (1 − p)``: ``∂b/∂rate = 1 / mean q`` and ``∂b/∂slope_i = −q_i / Σ q``."""

    generate_vmap_rule = True

    @staticmethod
    def forward(rate: Float[Tensor, "*s"], slope: Float[Tensor, "*s r"]) -> Float[Tensor, "*s"]:  # pyright: ignore[reportIncompatibleMethodOverride]
        """The root."""
        return _root(torch.logit(rate), slope)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor], output: Tensor) -> None:
        """Keeps the place."""
        ctx.save_for_backward(inputs[1], output)
        ctx.shape = inputs[0].shape

    @staticmethod
    def backward(ctx: Any, gradient: Float[Tensor, "*s"]) -> tuple[Tensor, Tensor]:  # pyright: ignore[reportIncompatibleMethodOverride]
        """By functions that can be differentiated again: the root among them, with this derivative."""
        slope, b = ctx.saved_tensors
        logits = b.unsqueeze(-1) + slope
        q = torch.sigmoid(logits) * torch.sigmoid(-logits)
        share = gradient / q.mean(-1)
        return share.sum_to_size(ctx.shape), -(share / slope.shape[-1]).unsqueeze(-1) * q


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
