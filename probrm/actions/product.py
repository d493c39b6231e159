"""The probability that two things hold, in logarithms: an action needs a preference and a propensity to act."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor


def log_both(reward: Float[Tensor, "*b"], propensity: Float[Tensor, "*b"]) -> Float[Tensor, "*b"]:
    """``log(γμ)`` from the two logits."""
    return F.logsigmoid(reward) + F.logsigmoid(propensity)


def log_not_both(reward: Float[Tensor, "*b"], propensity: Float[Tensor, "*b"]) -> Float[Tensor, "*b"]:
    """``log(1 − γμ)`` as ``log[(1 − γ) + γ(1 − μ)]``: no digits are lost when γμ is near 0 or 1."""
    return torch.logaddexp(F.logsigmoid(-reward), F.logsigmoid(reward) + F.logsigmoid(-propensity))
