"""Which of several answers to one prompt is best, from joint draws of their rewards.

Two rewards of one prompt hang together: what is not known of the weights moves both. So every number here is about differences within a
draw; whether two intervals overlap answers another question.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from probrm.data.conversation import Conversation
from probrm.heads.own_part import own_logit
from probrm.posterior.rewards import LEVEL

Risk = Literal["mean", "lower"]
RISKS: tuple[Risk, ...] = ("mean", "lower")


@dataclass(frozen=True)
class Ranking:
    """The posterior of the order of n answers to one prompt.

    Attributes:
        chosen: place of the choice among the n.
        abstains: whether the best is not clear enough for a choice.
        reward: posterior means of their rewards, float32 (n,).
        p_best: probability of being the best, float32 (n,); equal answers share it.
        rank: posterior mean of the rank, 1 the best, float32 (n,).
        rank_low: lower end of its central 90 % interval.
        rank_high: upper end.
        advantage: posterior mean of the reward less the mean reward of the n answers, float32 (n,), as policy gradients with groups have it.
        advantage_low: what the advantage exceeds with 95 %.
        regret: how much the best reward exceeds the choice's, on average over the posterior, as a logit.
    """

    chosen: int
    abstains: bool
    reward: np.ndarray
    p_best: np.ndarray
    rank: np.ndarray
    rank_low: np.ndarray
    rank_high: np.ndarray
    advantage: np.ndarray
    advantage_low: np.ndarray
    regret: float


@torch.no_grad()
def rank_answers(rewards: Float[Tensor, "s n"], *, risk: Risk = "mean", abstain: float | None = None) -> Ranking:
    """The order of n answers under s joint draws of their rewards.

    Args:
        rewards: a row a draw.
        risk: ``mean`` chooses the highest mean reward; ``lower`` the highest ``advantage_low``: it avoids answers of which less is
            known than of the others, and what is unknown of all alike does not matter.
        abstain: no choice where the chosen answer is not the best with a higher probability than this; None: always one.

    Raises:
        ValueError: no answer, another risk, or a probability that is none.
    """
    n = rewards.shape[-1]
    if not n or risk not in RISKS or not (abstain is None or 0 <= abstain <= 1):
        raise ValueError(f"n = {n}, risk = {risk!r}, abstain = {abstain!r}; allowed: n ≥ 1, risk {' or '.join(RISKS)}, abstain in [0, 1]")
    rewards = rewards.double()
    order, tail = rewards.sort(-1).values, (1 - LEVEL) / 2
    # Ranks by place among the sorted; equal rewards share the mean of their places.
    below, upto = torch.searchsorted(order, rewards), torch.searchsorted(order, rewards, right=True)
    ranks = n + 0.5 - (below + upto) / 2
    best = order[:, -1:]
    wins = (rewards == best).double()
    advantage = rewards - rewards.mean(-1, keepdim=True)
    ends = torch.quantile(ranks, torch.tensor([tail, 1 - tail], dtype=ranks.dtype), dim=0)
    advantage_low = torch.quantile(advantage, tail, dim=0)
    mean = rewards.mean(0)
    chosen = int((mean if risk == "mean" else advantage_low).argmax())
    p_best = (wins / wins.sum(-1, keepdim=True)).mean(0)
    columns = (mean, p_best, ranks.mean(0), *ends, advantage.mean(0), advantage_low)
    return Ranking(
        chosen,
        abstain is not None and 1 - float(p_best[chosen]) > abstain,
        *(column.float().numpy() for column in columns),
        regret=float((best[:, 0] - rewards[:, chosen]).mean()),
    )


@torch.no_grad()
def own_draws(rewards: Float[Tensor, "s n"], tau: Float[Tensor, " s"], answers: Sequence[Conversation]) -> Float[Tensor, "s n"]:
    """Draws of these very answers' rewards, with what the encoder cannot see of each (``RewardModel.own_spread``).

    The parts are independent between answers, and the same for the same texts: the order of a file changes nothing, and an answer that is
    there twice is one.

    Args:
        rewards: of the average answers with their features.
        tau: of each draw.
        answers: n of them.
    """
    parts = torch.stack([_part(one, len(tau)) for one in answers], -1) if answers else rewards
    return own_logit(rewards, tau, parts.to(rewards))


def _part(answer: Conversation, count: int) -> Float[Tensor, " s"]:
    """Evenly spread quantiles of the standard normal in an order that the text decides."""
    digest = hashlib.sha256(repr((answer.prompt, answer.response)).encode("utf-8", "surrogatepass")).digest()
    order = torch.randperm(count, generator=torch.Generator().manual_seed(int.from_bytes(digest[:7], "big")))
    return torch.special.ndtri((order + 0.5).double() / count)
