"""Simulated logs that are identified in different ways, or not at all."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from probrm.data.batch import Batch
from probrm.recipes.logs.shape import LogShape

EMPTY = ("reward_covariates", "propensity_covariates")


@dataclass(frozen=True)
class Log:
    """Rows and what lies behind them.

    Attributes:
        batch: the rows.
        shape: of the model that is to be fitted.
        gamma: true ``γ``, ``(n,)``.
        mu: true ``μ``, ``(n,)``.
        preference: ``r*``, ``(n,)``.
    """

    batch: Batch
    shape: LogShape
    gamma: Tensor
    mu: Tensor
    preference: Tensor


class Source:
    """Random numbers of one seed."""

    def __init__(self, seed: int) -> None:
        self.generator = torch.Generator().manual_seed(seed)

    def normal(self, *size: int) -> Tensor:
        """Standard normal."""
        return torch.randn(*size, generator=self.generator)

    def coin(self, probability: Tensor) -> Tensor:
        """0/1."""
        return torch.bernoulli(probability, generator=self.generator)

    def choose(self, n: int, count: int) -> Tensor:
        """``count`` of ``n`` rows at random."""
        return torch.randperm(n, generator=self.generator)[:count]


def log_of(source: Source, x: Tensor, gamma: Tensor, mu: Tensor, labels: int = 0, **columns: Tensor) -> tuple[Batch, Tensor]:
    """Draws preference and action; ``labels`` rows at random have their verdict."""
    n = len(x)
    preference = source.coin(gamma)
    action = preference * source.coin(mu)
    label = torch.full((n,), math.nan)
    judged = source.choose(n, labels)
    label[judged] = preference[judged]
    given = {name: torch.zeros(n, 0) for name in EMPTY} | {"user": torch.zeros(n, dtype=torch.long), "weight": torch.ones(n)} | columns
    return Batch({"embedding": x, "action": action, "label": label, **given}, n), preference


def direction(source: Source, d: int, size: float) -> Tensor:
    """A vector of this length: the standard deviation of a logit over standardised columns."""
    w = source.normal(d)
    return size * w / w.norm()


def shared(n: int, d: int = 8, *, seed: int = 0, labels: int = 0) -> Log:
    """Reward and propensity linear in the same ``d`` columns and in nothing else: ``γμ`` has its mirror image."""
    source = Source(seed)
    x = source.normal(n, d)
    gamma = torch.sigmoid(0.3 + x @ direction(source, d, 2.0))
    mu = torch.sigmoid(-0.3 + x @ direction(source, d, 2.0))
    batch, preference = log_of(source, x, gamma, mu, labels)
    return Log(batch, LogShape(d), gamma, mu, preference)


def partly_different(n: int, d: int = 8, *, seed: int = 0) -> Log:
    """The propensity sees half of the embedding's columns, and as many covariates of its own."""
    source = Source(seed)
    x, own = source.normal(n, d), source.normal(n, d // 2)
    covariates = torch.cat([x[:, : d // 2], own], 1)
    gamma = torch.sigmoid(0.3 + x @ direction(source, d, 2.0))
    mu = torch.sigmoid(-0.3 + covariates @ direction(source, d, 2.0))
    batch, preference = log_of(source, x, gamma, mu, propensity_covariates=covariates)
    names = tuple(f"{kind}{i}" for kind in ("shared", "own") for i in range(d // 2))
    return Log(batch, LogShape(d, (), names), gamma, mu, preference)


def plateaus(slope: Tensor) -> Tensor:
    """A probit between .1 and .6: to a logistic curve the upper plateau looks like certainty."""
    return 0.1 + 0.5 * torch.special.ndtr(slope)


def constant(n: int, d: int = 4, *, seed: int = 0, mu: float = 0.3, labels: int = 0) -> Log:
    """A constant propensity, and a preference that no logistic curve follows, see ``plateaus``."""
    source = Source(seed)
    x = source.normal(n, d)
    gamma = plateaus(x @ direction(source, d, 2.0))
    batch, preference = log_of(source, x, gamma, torch.full((n,), mu), labels)
    return Log(batch, LogShape(d), gamma, torch.full((n,), mu), preference)


def by_user(n: int, d: int = 4, *, users: int = 20, seed: int = 0, labels: int = 0) -> Log:
    """As ``constant``, but users differ in how readily they act; propensities stay below .6."""
    source = Source(seed)
    x = source.normal(n, d)
    gamma = plateaus(x @ direction(source, d, 2.0))
    user = torch.arange(n) % users
    mu = torch.sigmoid(-1.2 + 0.8 * source.normal(users))[user].clamp_max(0.6)
    batch, preference = log_of(source, x, gamma, mu, labels, user=user)
    return Log(batch, LogShape(d, users=tuple(f"u{i}" for i in range(users))), gamma, mu, preference)
