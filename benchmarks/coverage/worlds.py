"""Logs whose truth is known in full: globals from the model's priors, answers with a part of their own, users."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from probrm.data import Batch
from probrm.heads import mean_rate_intercept
from probrm.recipes.logs.shape import LogShape

DIM, EFFECTS, USERS, LABELS, NEW = 8, ("a", "b", "c"), 100, 50, 300
"""Columns of the embedding, covariates of the propensity, users, labelled rows, and answers that the log does not show."""


@dataclass(frozen=True)
class World:
    """One log and everything that it was drawn from.

    Attributes:
        truth: the global latents, by site, and ``residual``, the deviation τ of an answer's own logit.
        log: what a fit sees: ``rows`` rows.
        new: answers that it does not see.
        average: logit of the preference for the average answer with these features: of the log's rows, then of the new ones.
        own: probability that the very answer is preferred, in the same order.
        shape: of the model.
    """

    truth: Mapping[str, Tensor]
    log: Batch
    new: Batch
    average: Tensor
    own: Tensor
    shape: LogShape


def draw_world(seed: int, *, rows: int = 2000, exposures: int = 1, users: int = USERS, labels: int = LABELS) -> World:
    """Draws the globals from the default priors, then answers, exposures and actions.

    An answer's own logit is ``√(1 + πτ²/8) f + e`` with ``e ~ N(0, τ²)``: averaged over answers, its probability is ``σ(f)``.

    Args:
        seed: of everything.
        rows: of the log.
        exposures: how often each answer is shown.
        users: who see them.
        labels: rows that carry the preference itself.
    """
    rng = torch.Generator().manual_seed(seed)

    def normal(*size: int) -> Tensor:
        return torch.randn(size, generator=rng)

    shown = rows // exposures
    answer = torch.arange(rows) % shown
    embedding = normal(shown + NEW, DIM)
    truth = {
        "base_rate": torch.rand(3, generator=rng).median(),  # Beta(2, 2)
        "reward_weights_scale": 2 * normal().abs(),
        "propensity_intercept": 1.5 * normal(),
        "propensity_effects": 1.5 * normal(len(EFFECTS)),
        "user_activity_scale": normal().abs(),
        "residual_scale": normal().abs(),
    }
    truth["reward_weights"] = truth["reward_weights_scale"] * normal(DIM)
    truth["user_activity"] = truth["user_activity_scale"] * normal(users)
    slope = embedding @ truth["reward_weights"] / math.sqrt(DIM)
    average = slope + mean_rate_intercept(truth["base_rate"], slope[:shown])
    tau = truth["residual_scale"]
    own = (torch.sqrt(1 + math.pi * tau**2 / 8) * average + tau * normal(shown + NEW)).sigmoid()
    covariates, user = normal(rows, len(EFFECTS)), torch.randint(0, users, (rows,), generator=rng)
    propensity = (truth["propensity_intercept"] + covariates @ truth["propensity_effects"] + truth["user_activity"][user]).sigmoid()
    preferred = torch.bernoulli(own[answer], generator=rng)
    label = torch.where(torch.randperm(rows, generator=rng) < labels, preferred, math.nan)
    together = answer if exposures > 1 else torch.full_like(answer, -1)
    log = _batch(embedding[answer], covariates, user, preferred * torch.bernoulli(propensity, generator=rng), label, together)
    new = _batch(
        embedding[shown:],
        torch.zeros(NEW, len(EFFECTS)),
        torch.zeros(NEW, dtype=torch.long),
        torch.zeros(NEW),
        torch.full((NEW,), math.nan),
        torch.full((NEW,), -1),
    )
    take = torch.cat([answer, torch.arange(shown, shown + NEW)])
    shape = LogShape(DIM, (), EFFECTS, tuple(f"u{i}" for i in range(users)))
    return World(truth, log, new, average[take], own[take], shape)


def _batch(embedding: Tensor, covariates: Tensor, user: Tensor, action: Tensor, label: Tensor, answer: Tensor) -> Batch:
    rows = len(action)
    columns = {
        "embedding": embedding,
        "reward_covariates": torch.zeros(rows, 0),
        "propensity_covariates": covariates,
        "user": user,
        "answer": answer,
        "action": action,
        "label": label,
        "weight": torch.ones(rows),
    }
    return Batch(columns, rows)
