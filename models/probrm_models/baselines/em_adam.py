"""The EM algorithm's M-steps by minibatch Adam: one pass over the rows after each E-step."""

from __future__ import annotations

import torch
from torch import Tensor

from probrm_models.baselines.em import EM, State
from probrm_models.baselines.risks import cross_entropy


def run_adam(em: EM, start: State, seed: int) -> State:
    """``epochs`` rounds from ``start``; the learning rate and batch size are the configuration's.

    Args:
        em: rows, penalties and the E-step.
        start: where it begins.
        seed: of the minibatches.
    """
    config, rows, users = em.config, em.rows, em.propensity.users
    generator = torch.Generator().manual_seed(seed)
    parts = [part.clone().requires_grad_() for part in (start.theta, start.phi, start.activity)]
    theta, phi, activity = parts
    optimiser = torch.optim.Adam(parts, lr=config.learning_rate)

    def loss(batch: Tensor, liked: Tensor, active: Tensor, weight: Tensor) -> Tensor:
        logit = em.propensity.x[batch] @ phi
        if users:
            logit = logit + torch.cat([activity, activity.new_zeros(1)])[em.propensity.user[batch]]
        fit = (rows.weight[batch] * cross_entropy(rows.x[batch] @ theta, liked[batch])).sum()
        fit = fit + (weight[batch] * cross_entropy(logit, active[batch])).sum()
        penalties = (em.reward.penalty * theta**2).sum() + (em.propensity.penalty * phi**2).sum()
        return fit / len(batch) + 0.5 * (penalties + em.propensity.user_penalty * (activity**2).sum()) / len(rows)

    for _ in range(config.epochs):
        with torch.no_grad():
            expected = em.expectation(State(theta, phi, activity))
        for batch in torch.randperm(len(rows), generator=generator).split(config.batch_size):
            with torch.enable_grad():
                slopes = torch.autograd.grad(loss(batch, *expected), parts, allow_unused=True)
            for part, slope in zip(parts, slopes, strict=True):
                part.grad = slope
            optimiser.step()
    return State(theta.detach(), phi.detach(), activity.detach())
