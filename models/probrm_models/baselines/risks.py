"""Pointwise risks: the loss of each row, given its action and its propensity.

With ``o = r* a``, ``P(a = 1) = μ`` and the cross-entropy ``ℓ(f, y) = log(1 + e^f) − y f`` of a reward ``f`` and a label ``y``, the
risk under full information is the mean of ``ℓ(f, r*)``. It is linear in the label, so an unbiased estimate of the label gives an
unbiased estimate of the risk. Such an estimate may lie outside [0, 1]; the risk stays convex in ``f`` all the same.
"""

from __future__ import annotations

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor


def cross_entropy(reward: Float[Tensor, " n"], label: Float[Tensor, " n"]) -> Float[Tensor, " n"]:
    """``−y log γ − (1 − y) log(1 − γ)`` in nats, for any real ``y``."""
    return F.softplus(reward) - label * reward


def naive_risk(reward: Float[Tensor, " n"], action: Float[Tensor, " n"]) -> Float[Tensor, " n"]:
    """The action taken for the label."""
    return cross_entropy(reward, action)


def ips_risk(reward: Float[Tensor, " n"], action: Float[Tensor, " n"], propensity: Float[Tensor, " n"]) -> Float[Tensor, " n"]:
    """Inverse propensity scoring: ``(o/μ) ℓ(f, 1) + (1 − o/μ) ℓ(f, 0)``; its expectation over ``a`` is ``ℓ(f, r*)``.

    Bekker, Robberechts & Davis, arXiv 1809.03207, eq. 3.
    """
    return cross_entropy(reward, action / propensity)


def relmf_risk(
    reward: Float[Tensor, " n"], action: Float[Tensor, " n"], propensity: Float[Tensor, " n"], floor: float = 0.1
) -> Float[Tensor, " n"]:
    """Rel-MF's: inverse propensities of at most ``1/floor``, which trades bias for variance.

    Saito, Yaginuma, Nishino, Sakata & Nakata: Unbiased Recommender Learning from Missing-Not-At-Random Implicit Feedback, WSDM 2020
    (arXiv 1909.03601). Unbiased where no propensity is below the floor.
    """
    return ips_risk(reward, action, propensity.clamp(min=floor))


def doubly_robust_risk(
    reward: Float[Tensor, " n"],
    action: Float[Tensor, " n"],
    propensity: Float[Tensor, " n"],
    imputed: Float[Tensor, " n"],
    floor: float = 0.0,
) -> Float[Tensor, " n"]:
    """The label is imputed, ``m``, and the imputation corrected by what was observed: ``m + (o − μ m) / max(μ, floor)``.

    Its bias is ``(m − γ) (1 − μ / max(μ, floor))``: none where the weight is not clipped, none where the imputation is right.
    With exact weights it is IPS: given ``r*``, a binary action has one unbiased estimate of ``r*`` only. So the imputation is what
    stands in for the part of the weight that clipping takes away.

    Wang, Zhang, Sun & Qi: Doubly Robust Joint Learning for Recommendation on Data Missing Not at Random, ICML 2019; with clipped
    weights: Su, Dimakopoulou, Krishnamurthy & Dudík: Doubly Robust Off-Policy Evaluation with Shrinkage (arXiv 1907.09623).

    Args:
        reward: logits.
        action: 0 or 1.
        propensity: ``μ`` in (0, 1].
        imputed: ``m`` in [0, 1], a probability of preference.
        floor: lower bound of what the correction is divided by; 0 for none.
    """
    label = imputed + (action - propensity * imputed) / propensity.clamp(min=floor)
    return cross_entropy(reward, label)
