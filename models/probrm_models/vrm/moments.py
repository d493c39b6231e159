"""Mean and variance of a reward over Dirichlet weights: what stands for a prompt's own part where the gate is a latent.

Of ``w ~ Dirichlet(α)`` with mean m and total α₊, ``Σ_k w_k s_k`` has mean ``m·s`` and variance ``(Σ_k m_k s_k² − (m·s)²) / (α₊ + 1)``, and
``E|w|² = |m|² + (1 − |m|²) / (α₊ + 1)``. Both are exact; a normal with these moments is not, and is smooth in the gate where draws or nodes
of a Dirichlet are not.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

_NODES = 20


def of_reward(alpha: Tensor, scores: Tensor, dim: int = -1) -> tuple[Float[Tensor, "*s n"], Float[Tensor, "*s n"]]:
    """Mean and variance of ``Σ_k w_k s_k``.

    Args:
        alpha: concentrations, ``(*s, n, K)``, or K at ``dim``.
        scores: of the same shape.
        dim: of the objectives.
    """
    total = alpha.sum(dim)
    share = alpha / total.unsqueeze(dim)
    mean = (share * scores).sum(dim)
    # Deviations from the mean, not a difference of squares: that cancels.
    return mean, (share * (scores - mean.unsqueeze(dim)).square()).sum(dim) / (total + 1)


def squared_length(alpha: Float[Tensor, "*s n k"]) -> Float[Tensor, "*s n"]:
    """``E|w|²``."""
    total = alpha.sum(-1)
    square = (alpha / total.unsqueeze(-1)).square().sum(-1)
    return square + (1 - square) / (total + 1)


def hermite(like: Tensor) -> tuple[Any, Any]:
    """Nodes of a standard normal and the logarithms of their masses."""
    nodes, masses = np.polynomial.hermite_e.hermegauss(_NODES)
    return torch.from_numpy(nodes).to(like), torch.from_numpy(np.log(masses / masses.sum())).to(like)
