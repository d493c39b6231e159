"""The four strata (r*, a) of a row: their exact posterior, and the amortised guide over them.

========  ====  ===  ==================================  =======================
stratum   r*    a    posterior given o = 0               given o = 1 (ε = 0)
========  ====  ===  ==================================  =======================
PA        1     1    0                                   1
NA        0     1    (1 − γ) μ / (1 − γμ)                0
PP        1     0    γ (1 − μ) / (1 − γμ)                0
NP        0     0    (1 − γ)(1 − μ) / (1 − γμ)           0
========  ====  ===  ==================================  =======================

The stratification formula printed in the main text of arXiv 2603.23184 swaps labels against the paper's own definition
table and proof; this is the consistent one (it is also that of SAR-EM, arXiv 1809.03207).
"""

from __future__ import annotations

import pyro
import torch
import torch.nn.functional as F
from jaxtyping import Float
from pyro import poutine
from torch import Tensor, nn

from probrm.actions import Click, LogBernoulli
from probrm.data.batch import Batch
from probrm.recipes.logs.shape import LogShape

STRATA = ("PA", "NA", "PP", "NP")
_IMPOSSIBLE = -1e4
"""A logit whose probability underflows to exactly zero, yet whose differences and gradients stay finite."""


def log_prior_strata(reward: Float[Tensor, "*b"], propensity: Float[Tensor, "*b"]) -> Float[Tensor, "*b 4"]:
    """``log p(r*, a)`` in the order of ``STRATA``."""
    good, bad = F.logsigmoid(reward), F.logsigmoid(-reward)
    active, passive = F.logsigmoid(propensity), F.logsigmoid(-propensity)
    return torch.stack([good + active, bad + active, good + passive, bad + passive], -1)


def stratum_posterior(
    reward: Float[Tensor, "*b"],
    propensity: Float[Tensor, "*b"],
    action: Float[Tensor, "*b"],
    click: Click,
    false_rate: Tensor | float,
    label: Float[Tensor, "*b"] | None = None,
) -> Float[Tensor, "*b 4"]:
    """``p(r*, a | o, label)`` by Bayes' rule; for ε = δ = 0 and no label (None or NaN) the table above."""
    both = torch.tensor([1.0, 0.0, 0.0, 0.0], dtype=reward.dtype, device=reward.device)
    emission = click.given(both.log(), (1 - both).log(), false_rate).log_prob(action.unsqueeze(-1).expand(*reward.shape, 4))
    density = log_prior_strata(reward, propensity) + emission
    if label is not None:
        label = label.expand_as(reward)
        density = density.masked_fill(torch.stack([label == 0, label == 1, label == 0, label == 1], -1), -torch.inf)
    return torch.softmax(density, -1)


class StratumGuide(nn.Module):
    """``q(r*, a | h, z, u, o)``: a network's softmax over the strata that the observation allows.

    With no false actions an action leaves one stratum (PA) and no action leaves three; the guide gives the others
    exactly no mass, so the bound is finite and touches the marginal likelihood where the network is exact.

    Args:
        shape: the model's inputs.
        action: says which strata an observation rules out.
        hidden: units of the hidden layer.
        user_dim: length of the learned vector of each user.
    """

    def __init__(self, shape: LogShape, action: Click, hidden: int = 64, user_dim: int = 4) -> None:
        super().__init__()
        self.certain = action.false_rate == 0.0
        self.complete = action.miss_rate == 0.0
        self.users = nn.Embedding(len(shape.users), user_dim) if shape.users else None
        inputs = shape.embedding + len(shape.reward_effects) + len(shape.propensity_effects) + 2 + (user_dim if shape.users else 0)
        self.net = nn.Sequential(nn.Linear(inputs, hidden), nn.Tanh(), nn.Linear(hidden, len(STRATA)))

    def logits(self, batch: Batch) -> Float[Tensor, "n 4"]:
        """Unnormalised log-probabilities of the strata; no probability for those ruled out by action or verdict."""
        label, action = batch["label"], batch["action"]
        inputs = [batch["embedding"], batch["reward_covariates"], batch["propensity_covariates"], action[:, None]]
        inputs.append(label.nan_to_num(0.5)[:, None])
        if self.users is not None:
            inputs.append(self.users(batch["user"]))
        acted, idle = (action == 1) & self.certain, (action == 0) & self.complete
        impossible = torch.stack([idle | (label == 0), acted | (label == 1), acted | (label == 0), acted | (label == 1)], -1)
        return self.net(torch.cat(inputs, -1)).masked_fill(impossible, _IMPOSSIBLE)

    def forward(self, batch: Batch) -> None:
        """Issues ``preference`` and ``activity``, enumerated so that the bound's expectation over them is exact."""
        log_q = torch.log_softmax(self.logits(batch), -1)
        good, bad = torch.logaddexp(log_q[:, 0], log_q[:, 2]), torch.logaddexp(log_q[:, 1], log_q[:, 3])
        with pyro.plate("rows", len(batch), dim=-1), poutine.scale(scale=batch.scale):
            preference = pyro.sample("preference", LogBernoulli(good, bad), infer={"enumerate": "parallel"})
            liked = preference.bool()
            active = torch.where(liked, log_q[:, 0] - good, log_q[:, 1] - bad)
            passive = torch.where(liked, log_q[:, 2] - good, log_q[:, 3] - bad)
            pyro.sample("activity", LogBernoulli(active, passive), infer={"enumerate": "parallel"})
