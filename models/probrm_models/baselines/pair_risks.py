"""The risk of pairs: a preferred row above one that is not."""

from __future__ import annotations

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor


def unbiased_bpr_risk(
    first: Float[Tensor, " m"],
    second: Float[Tensor, " m"],
    first_action: Float[Tensor, " m"],
    second_action: Float[Tensor, " m"],
    first_propensity: Float[Tensor, " m"],
    second_propensity: Float[Tensor, " m"],
    *,
    nonnegative: bool = False,
) -> Float[Tensor, " m"]:
    """``(o_i/μ_i) (1 − o_j/μ_j) log(1 + exp(f_j − f_i))``, in nats.

    Its expectation over the activity of both rows is ``r_i (1 − r_j) log(1 + exp(f_j − f_i))``, the loss of Bayesian personalised
    ranking (Rendle et al. 2009, arXiv 1205.2618) under full information.

    Saito: Unbiased Pairwise Learning from Biased Implicit Feedback, ICTIR 2020. Its experiments take negative weights for 0
    (``nonnegative``), which is biased: with them two acted rows push each other apart without bound.

    Args:
        first: rewards of the rows ``i``.
        second: rewards of the rows ``j``.
        first_action: 0 or 1.
        second_action: 0 or 1.
        first_propensity: in (0, 1].
        second_propensity: in (0, 1].
        nonnegative: negative weights count as 0.
    """
    weight = (first_action / first_propensity) * (1 - second_action / second_propensity)
    return (weight.clamp(min=0.0) if nonnegative else weight) * F.softplus(second - first)
