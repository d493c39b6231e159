"""Reward and propensity together by the EM algorithm: SAR-EM and ReCRec.

Both maximise the likelihood of ``o ~ Bernoulli(γμ)`` with logistic ``γ`` and ``μ``; verdicts, where there are any, fix ``r*``.

- SAR-EM (Bekker, Robberechts & Davis, arXiv 1809.03207) has one latent, ``r*``. Its M-step fits the propensity to the rows in
  proportion to their probability of being positive. Propensity covariates and users alone tell the propensity.
- ReCRec (ACM Transactions on Information Systems, 2024) has ``r*`` and ``a``, and fits both heads to their expectations. Its heads share
  the features, so nothing keeps them from being swapped.

M-steps are a few steps that cannot overshoot, which makes it a generalised EM algorithm: the penalised likelihood never falls.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from probrm.actions import Click
from probrm.actions.product import log_both, log_not_both
from probrm_models.baselines.config import BaselineConfig
from probrm_models.baselines.logistic import BoundedLogistic
from probrm_models.baselines.model import EFFECT_L2, INTERCEPT_L2
from probrm_models.baselines.rows import Rows
from probrm_models.implicit.strata import stratum_posterior

_INNER = 3
"""Steps of each M-step."""
_TOLERANCE = 1e-5
"""Nats a row that an iteration has to gain."""
_CERTAIN = 1e-9


@dataclass
class State:
    """Coefficients: of the reward ``theta (p,)``, of the propensity ``phi (q,)``, of users ``activity (u,)``."""

    theta: Tensor
    phi: Tensor
    activity: Tensor


class EM:
    """The algorithm for given rows and penalties.

    Args:
        rows: to be fitted.
        l2: precision of the reward's weights.
        config: of the propensity and of the optimiser.
        shared: whether the propensity sees the embedding and the reward's covariates too (ReCRec), and takes all rows.
    """

    def __init__(self, rows: Rows, l2: float, config: BaselineConfig, *, shared: bool) -> None:
        self.rows, self.config, self.shared = rows, config, shared
        precision = torch.tensor([INTERCEPT_L2, *[EFFECT_L2] * (rows.z.shape[1] - 1)], dtype=torch.float64)
        design = rows.z
        if shared:  # intercept, covariates, embedding
            d = rows.shape.embedding
            design = torch.cat([rows.z, rows.x[:, 1 : 1 + d]], 1)
            precision = torch.cat([precision, torch.full((d,), l2, dtype=torch.float64)])
        self.reward = BoundedLogistic(rows.x, rows.penalty(l2), rows.weight)
        users = len(rows.shape.users)
        self.propensity = BoundedLogistic(design, precision, rows.weight, rows.user, users, config.propensity_l2)
        self.estimated = rows.known.isnan()
        self.known = torch.logit(rows.known.nan_to_num(0.5).clamp(_CERTAIN, 1 - _CERTAIN))
        # An action on an answer judged bad has no stratum in a model without false actions: the verdict counts.
        self.action = torch.where(rows.label == 0, torch.zeros_like(rows.action), rows.action)

    def start(self, seed: int) -> State:
        """Half of what was passed by is preferred, and the propensity is next to constant."""
        generator = torch.Generator().manual_seed(seed)
        rate = float((self.rows.action * self.rows.weight).sum() / self.rows.weight.sum())
        phi = 0.01 * torch.randn(self.propensity.x.shape[1], dtype=torch.float64, generator=generator)
        phi[0] += torch.logit(torch.tensor(min(2 * rate, 0.9), dtype=torch.float64))
        theta = torch.zeros(self.rows.x.shape[1], dtype=torch.float64)
        target = torch.where(
            self.rows.labelled, self.rows.label, self.action + 0.5 * (1 - self.action) * (self.rows.labelled == 0)
        ).nan_to_num(0.5)
        nobody = torch.zeros(0, dtype=torch.float64)
        for _ in range(5):
            theta, _ = self.reward.step(theta, nobody, target, self.rows.weight)
        return State(theta, phi, torch.zeros(self.propensity.users, dtype=torch.float64))

    def logits(self, state: State) -> tuple[Float[Tensor, " n"], Float[Tensor, " n"]]:
        """``logit γ`` and ``logit μ``."""
        estimate = self.propensity.logit(state.phi, state.activity)
        return self.rows.x @ state.theta, torch.where(self.estimated, estimate, self.known)

    def log_likelihood(self, state: State) -> float:
        """Of actions and verdicts, penalties taken off, in nats."""
        reward, propensity = self.logits(state)
        both, neither = log_both(reward, propensity), log_not_both(reward, propensity)
        found = torch.where(self.action == 1, both, neither)
        liked = F.logsigmoid(reward) + torch.where(self.action == 1, F.logsigmoid(propensity), F.logsigmoid(-propensity))
        found = torch.where(self.rows.label == 1, liked, torch.where(self.rows.label == 0, F.logsigmoid(-reward), found))
        nobody = torch.zeros(0, dtype=torch.float64)
        penalties = self.reward.penalised(state.theta, nobody) + self.propensity.penalised(state.phi, state.activity)
        return float((found * self.rows.weight).sum()) - penalties

    def expectation(self, state: State) -> tuple[Float[Tensor, " n"], Float[Tensor, " n"], Float[Tensor, " n"]]:
        """The E-step: the reward's target, the propensity's target and its rows' weights."""
        reward, propensity = self.logits(state)
        strata = stratum_posterior(reward, propensity, self.action, Click(), 0.0, self.rows.label)
        liked, active = strata[:, 0] + strata[:, 2], strata[:, 0] + strata[:, 1]
        if self.shared:
            return liked, active, self.rows.weight * self.estimated
        return liked, self.action, self.rows.weight * self.estimated * liked

    def iterate(self, state: State) -> State:
        """One round of both steps."""
        liked, active, weight = self.expectation(state)
        theta, phi, activity = state.theta, state.phi, state.activity
        for _ in range(_INNER):
            theta, _ = self.reward.step(theta, theta.new_zeros(0), liked, self.rows.weight)
            phi, activity = self.propensity.step(phi, activity, active, weight)
        return State(theta, phi, activity)

    def run(self, start: State) -> State:
        """Rounds until the likelihood has settled."""
        state, before = start, self.log_likelihood(start)
        for _ in range(self.config.iterations):
            state = self.iterate(state)
            now = self.log_likelihood(state)
            if now - before < _TOLERANCE * len(self.rows):
                break
            before = now
        return state

    def values(self, state: State) -> dict[str, Tensor]:
        """Coefficients of the propensity by site."""
        k = self.rows.z.shape[1]
        found = {"propensity_intercept": state.phi[0]}
        if k > 1:
            found["propensity_effects"] = state.phi[1:k]
        if self.shared:
            found["propensity_weights"] = state.phi[k:]
        return found | ({"user_activity": state.activity} if self.propensity.users else {})
