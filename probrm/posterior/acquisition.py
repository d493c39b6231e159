"""Which labels would teach most: expected information about the reward, of a batch, from joint draws."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

_LEAST = 1e-6
"""Of a label's own variance: a draw that is certain must not make a label infinitely informative."""


@dataclass(frozen=True)
class Acquisition:
    """Rows in the order in which they were chosen.

    Attributes:
        rows: positions, ``(b,)``.
        gain: what each adds to those before it, nats, by ``batch_information``, ``(b,)``.
        alone: expected information of each label by itself (BALD), nats, ``(b,)``.
    """

    rows: Int[np.ndarray, " b"]
    gain: Float[np.ndarray, " b"]
    alone: Float[np.ndarray, " b"]


def bald(probability: Float[Tensor, "s n"]) -> Float[Tensor, " n"]:
    """Mutual information of each row's label and the posterior, nats: ``H(mean p) − mean H(p)`` (Houlsby et al. 2011, arXiv 1112.5745)."""
    return _entropy(probability.mean(0)) - _entropy(probability).mean(0)


def batch_information(probability: Float[Tensor, "s n"]) -> float:
    """What the labels of all these rows tell together, nats: ``½ log det(I + D⁻¹ C)``, ``C`` the covariance of their probabilities over the draws and
    ``D`` their labels' own variances, ``mean p (1 − p)``.

    It is the mutual information of a normal vector with the labels' first two moments, which are exact.
    """
    p = probability.double()
    centred = (p - p.mean(0)) / len(p) ** 0.5
    own = (p * (1 - p)).mean(0).clamp(min=_LEAST)
    scaled = centred / own.sqrt()
    return float(torch.logdet(torch.eye(p.shape[1], dtype=torch.float64) + scaled.T @ scaled)) / 2


def acquire(probability: Float[Tensor, "s n"], budget: int) -> Acquisition:
    """Greedily the rows whose labels tell most together (``batch_information``): within a factor 1 − 1/e of the best batch, as it is submodular
    (Nemhauser, Wolsey & Fisher 1978). Rows that say the same as chosen ones gain little, so a batch is diverse by itself.

    Args:
        probability: that a row's label is 1, under each of s joint draws of n rows.
        budget: how many; fewer where there are fewer rows.

    Raises:
        ValueError: a budget below 1, or one draw, which knows everything.
    """
    if budget < 1 or len(probability) < 2:
        raise ValueError(f"budget = {budget}, {len(probability)} draws; allowed: a budget from 1 up, and 2 draws or more")
    p = probability.double()
    centred = (p - p.mean(0)) / len(p) ** 0.5
    own = (p * (1 - p)).mean(0).clamp(min=_LEAST)
    left = centred.square().sum(0)  # of each row's variance, what the chosen labels leave
    explained: list[Tensor] = []
    rows, gains = [], []
    open_ = torch.ones_like(left, dtype=torch.bool)
    for _ in range(min(budget, p.shape[1])):
        gain = torch.log1p(left / own) / 2
        at = int(gain.masked_fill(~open_, -1.0).argmax())
        rows.append(at)
        gains.append(float(gain[at]))
        open_[at] = False
        covariance = centred.T @ centred[:, at] - sum((one * one[at] for one in explained), torch.zeros_like(left))
        explained.append(covariance / (left[at] + own[at]).sqrt())
        left = (left - explained[-1].square()).clamp(min=0)
    return Acquisition(np.array(rows), np.array(gains), bald(p[:, rows]).numpy())


def _entropy(p: Float[Tensor, "*s n"]) -> Float[Tensor, "*s n"]:
    return -(torch.xlogy(p, p) + torch.xlogy(1 - p, 1 - p))
