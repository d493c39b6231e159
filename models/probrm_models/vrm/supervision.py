"""What a prompt's objective weights ought to be, by the attribute scores of the response that was chosen."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

LOSSES = ("kl", "mse", "rank", "none")
_LEAST = 1e-6


def targets(scores: Float[Tensor, "n k"]) -> Float[Tensor, "n k"]:
    """``softmax`` over the attributes of the chosen response's standardised scores; NaN in a row that lacks one (VRM, arXiv 2603.04974)."""
    return scores.softmax(-1)


def supervision_loss(weights: Float[Tensor, "n K"], target: Float[Tensor, "n k"], loss: str) -> Float[Tensor, " n"]:
    """How far weights are from their target, in each row; 0 where the target is missing.

    Where there are more objectives than attributes, the first k weights, scaled to sum to one, are compared.

    - ``kl``: ``Σ s_k log(s_k / w_k)``, nats.
    - ``mse``: ``Σ (s_k − w_k)²``.
    - ``rank``: RankNet (Burges et al. 2005) on the logarithms: ``mean over pairs with s_a > s_b of log(1 + w_b / w_a)``.

    Args:
        weights: on the simplex.
        target: on the simplex of the k ≤ K attributes, or NaN.
        loss: one of ``LOSSES`` but ``none``.
    """
    k = target.shape[-1]
    missing = target.isnan().any(-1)
    s = torch.where(missing[..., None], 1.0 / k, target)
    w = weights[..., :k].clamp(min=_LEAST)
    w = w / w.sum(-1, keepdim=True)
    if loss == "kl":
        value = (torch.special.xlogy(s, s) - s * w.log()).sum(-1)
    elif loss == "mse":
        value = (s - w).square().sum(-1)
    else:
        above = (s[..., :, None] > s[..., None, :]).to(w.dtype)
        gap = w.log()[..., :, None] - w.log()[..., None, :]
        value = (above * torch.nn.functional.softplus(-gap)).sum((-1, -2)) / above.sum((-1, -2)).clamp(min=1)
    return value.masked_fill(missing, 0.0)
