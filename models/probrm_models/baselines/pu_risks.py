"""Risks of learning from positive and unlabelled rows: acted rows are positive, all rows together are the unlabelled sample.

They assume that positive rows act with one and the same probability (selected completely at random), and that the class
prior ``π = P(r* = 1)`` is known. Acted rows then stand for all positive ones: ``E[g | r* = 1] = E[o g] / P(o = 1)``.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor


def _parts(
    reward: Float[Tensor, " n"], action: Float[Tensor, " n"], prior: float, rate: float, weight: Float[Tensor, " n"] | None
) -> tuple[Tensor, Tensor]:
    """``π E₊[ℓ(f, 1)]`` and ``E[ℓ(f, 0)] − π E₊[ℓ(f, 0)]``, the risks of positive and of negative rows, in nats."""
    weight = torch.ones_like(reward) if weight is None else weight
    total = weight.sum()
    drawn = prior / rate * weight * action
    positive = (drawn * F.softplus(-reward)).sum() / total
    return positive, ((weight - drawn) * F.softplus(reward)).sum() / total


def upu_risk(
    reward: Float[Tensor, " n"], action: Float[Tensor, " n"], prior: float, rate: float, weight: Float[Tensor, " n"] | None = None
) -> Float[Tensor, ""]:
    """uPU: ``π E₊[ℓ(f, 1)] + E[ℓ(f, 0)] − π E₊[ℓ(f, 0)]``.

    du Plessis, Niu & Sugiyama: Analysis of Learning from Positive and Unlabeled Data, NeurIPS 2014; with convex losses ICML 2015.

    Args:
        reward: logits.
        action: 0 or 1.
        prior: ``π`` in (0, 1).
        rate: ``P(o = 1)`` over the data set.
        weight: of the rows; ones by default.
    """
    positive, negative = _parts(reward, action, prior, rate, weight)
    return positive + negative


def nnpu_risk(
    reward: Float[Tensor, " n"], action: Float[Tensor, " n"], prior: float, rate: float, weight: Float[Tensor, " n"] | None = None
) -> Float[Tensor, ""]:
    """nnPU: as uPU, but the risk of negative rows, which cannot be negative, counts as 0 where its estimate is.

    Kiryo, Niu, du Plessis & Sugiyama: Positive-Unlabeled Learning with Non-Negative Risk Estimator, NeurIPS 2017 (arXiv 1703.00593).
    Arguments as in ``upu_risk``.
    """
    positive, negative = _parts(reward, action, prior, rate, weight)
    return positive + negative.clamp(min=0.0)
