"""The methods' risks over rows: labelled rows count by their verdict, one cross-entropy each, whatever the method."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from probrm_models.baselines.pair_risks import unbiased_bpr_risk
from probrm_models.baselines.risks import cross_entropy
from probrm_models.baselines.rows import Rows

Pointwise = Callable[[Tensor, Tensor], Tensor]
"""Losses ``(b,)`` of rewards ``(b,)`` and positions ``(b,)``."""


def labelled_loss(data: Rows, reward: Float[Tensor, " b"], rows: Int[Tensor, " b"]) -> Float[Tensor, ""]:
    """The cross-entropy of the labelled rows, summed."""
    label = data.label[rows]
    loss = cross_entropy(reward, label.nan_to_num()) * data.weight[rows]
    return loss.masked_fill(label.isnan(), 0.0).sum()


@dataclass(frozen=True)
class PointObjective:
    """Losses of single rows.

    Attributes:
        data: the rows.
        risk: their losses where there is no label.
    """

    data: Rows
    risk: Pointwise

    def __call__(self, reward: Float[Tensor, " b"], rows: Int[Tensor, " b"]) -> Float[Tensor, ""]:
        """The sum over ``rows``."""
        loss = (self.risk(reward, rows) * self.data.weight[rows]).masked_fill(self.data.labelled[rows], 0.0)
        return loss.sum() + labelled_loss(self.data, reward, rows)


@dataclass(frozen=True)
class PUObjective:
    """A risk of positive and unlabelled rows, which is a mean.

    Attributes:
        data: the rows.
        risk: ``upu_risk`` or ``nnpu_risk``.
        prior: class prior.
        rate: share of acted rows among those without a label.
    """

    data: Rows
    risk: Callable[..., Tensor]
    prior: float
    rate: float

    def __call__(self, reward: Float[Tensor, " b"], rows: Int[Tensor, " b"]) -> Float[Tensor, ""]:
        """The mean times the weight of the rows it was taken over."""
        weight = self.data.weight[rows].masked_fill(self.data.labelled[rows], 0.0)
        loss = labelled_loss(self.data, reward, rows)
        if not bool((weight > 0).any()):
            return loss
        return loss + weight.sum() * self.risk(reward, self.data.action[rows], self.prior, self.rate, weight)


@dataclass(frozen=True)
class PairObjective:
    """Pairs of an acted row with others, none of them labelled.

    Pairs are formed over the whole log: a reward has to rank answers to different prompts too.

    Attributes:
        data: the rows.
        propensity: of the rows.
        partners: pairs of each acted row.
        nonnegative: see ``unbiased_bpr_risk``.
        seed: of who is paired with whom.
    """

    data: Rows
    propensity: Float[Tensor, " n"]
    partners: int
    nonnegative: bool
    seed: int

    def __call__(self, reward: Float[Tensor, " b"], rows: Int[Tensor, " b"]) -> Float[Tensor, ""]:
        """The sum over acted rows of the mean over their partners."""
        action, free = self.data.action[rows], (~self.data.labelled[rows]).nonzero()[:, 0]
        loss = labelled_loss(self.data, reward, rows)
        acted = free[action[free] == 1]
        if len(free) < 2 or not len(acted):
            return loss
        generator = torch.Generator().manual_seed(self.seed)  # the same pairs at every call with the same rows
        first = acted.repeat_interleave(self.partners)
        second = free[torch.randint(len(free), first.shape, generator=generator)]
        mu, weight = self.propensity[rows], self.data.weight[rows]
        risk = unbiased_bpr_risk(
            reward[first], reward[second], action[first], action[second], mu[first], mu[second], nonnegative=self.nonnegative
        )
        return loss + (risk * weight[first] * (first != second)).sum() / self.partners


def marginal_objective(data: Rows, propensity: Float[Tensor, " n"]) -> PointObjective:
    """``−log P(o)`` under ``γμ`` with ``μ`` given: maximum likelihood, whose ``γ`` imputes preferences."""

    def risk(reward: Tensor, rows: Tensor) -> Tensor:
        mu = propensity[rows]
        good, bad = F.logsigmoid(reward), F.logsigmoid(-reward)
        idle = torch.logaddexp(bad, good + torch.log1p(-mu.clamp(max=1 - 1e-12)))
        return -torch.where(data.action[rows] == 1, good + mu.log(), idle)

    return PointObjective(data, risk)
