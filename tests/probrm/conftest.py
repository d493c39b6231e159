"""A model of the tests' own: small regressions, whose posteriors are known in closed form or found by independent means."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Literal

import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro import poutine
from torch import Tensor

from probrm.data.batch import Batch
from probrm.model import RewardModel, Values
from probrm.priors import Normal, Prior, prior_to_dict

NOISE = 0.7


class Regression(RewardModel):
    """``y ~ N(xᵀw, 0.7²)`` or ``y ~ Bernoulli(σ(xᵀw))``; with ``x = 1`` a mean of known variance."""

    kind = "regression"

    def __init__(self, size: int, response: Literal["normal", "logistic"] = "normal", prior: Prior | None = None) -> None:
        super().__init__()
        self.size, self.response, self.prior = size, response, prior or Normal(0.0, 1.0)

    def _given(self, predictor: Tensor) -> Any:
        return dist.Normal(predictor, NOISE) if self.response == "normal" else dist.Bernoulli(logits=predictor)

    def forward(self, batch: Batch) -> None:
        weights = self.prior.sample("weights", (self.size,))
        with pyro.plate("rows", len(batch), dim=-1), poutine.scale(scale=batch.scale):
            pyro.sample("y", self._given(self.reward({"weights": weights}, batch)), obs=batch["y"])

    def reward(self, values: Values, batch: Batch) -> Tensor:
        return values["weights"] @ batch["x"].T

    def log_likelihood(self, values: Values, batch: Batch) -> Tensor:
        return self._given(self.reward(values, batch)).log_prob(batch["y"])

    def dims(self) -> dict[str, tuple[str, ...]]:
        return {"weights": ("feature",)}

    def coords(self) -> dict[str, list[str]]:
        return {"feature": [str(i) for i in range(self.size)]}

    def spec(self) -> dict[str, Any]:
        return {"size": self.size, "response": self.response, "prior": prior_to_dict(self.prior)}

    @classmethod
    def from_spec(cls, spec: Mapping[str, Any]) -> Regression:
        return cls(spec["size"], spec["response"], spec["prior"])


class TwoRates(RewardModel):
    """Hierarchical, with an exchangeable block and constrained sites: ``y ~ Bernoulli(σ(logit π + x·b + α_u))``.

    ``arrow=False`` keeps silent about the block; ``local`` adds a latent to each row that says nothing.
    """

    kind = "two-rates"

    def __init__(self, users: int, *, arrow: bool = True, local: bool = False) -> None:
        super().__init__()
        self.users, self.arrow, self.local = users, arrow, local

    def forward(self, batch: Batch) -> None:
        rate = pyro.sample("rate", dist.Beta(2.0, 2.0))
        slopes = pyro.sample("slopes", dist.Normal(torch.zeros(2), 1.0).to_event(1))
        effects = Normal(0.0, {"dist": "HalfNormal", "scale": 1.0}).sample("effects", (self.users,))
        values = {"rate": rate, "slopes": slopes, "effects": effects}
        with pyro.plate("rows", len(batch), dim=-1), poutine.scale(scale=batch.scale):
            if self.local:
                pyro.sample("local", dist.Normal(0.0, 1.0))  # a row's own latent, which no layout may hold
            pyro.sample("y", dist.Bernoulli(logits=self.reward(values, batch)), obs=batch["y"])

    def reward(self, values: Values, batch: Batch) -> Tensor:
        logit = torch.logit(values["rate"]).unsqueeze(-1) + values["slopes"] @ batch["x"].T
        return logit + values["effects"].index_select(-1, batch["user"])

    def log_likelihood(self, values: Values, batch: Batch) -> Tensor:
        return dist.Bernoulli(logits=self.reward(values, batch)).log_prob(batch["y"])

    def dims(self) -> dict[str, tuple[str, ...]]:
        return {"slopes": ("feature",), "effects": ("user",)}

    def coords(self) -> dict[str, list[str]]:
        return {"feature": ["a", "b"], "user": [str(i) for i in range(self.users)]}

    def spec(self) -> dict[str, Any]:
        return {"users": self.users, "arrow": self.arrow, "local": self.local}

    @classmethod
    def from_spec(cls, spec: Mapping[str, Any]) -> TwoRates:
        return cls(spec["users"], arrow=spec["arrow"], local=spec["local"])

    @property
    def exchangeable(self) -> str | None:
        return "effects" if self.arrow else None


def simulate(n: int, size: int, response: str = "normal", *, seed: int = 0, scale: float = 1.0, weights: Tensor | None = None) -> Batch:
    """Rows of ``Regression``, the first column an intercept."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(n, size, generator=generator)
    x[:, 0] = 1.0
    w = scale * torch.randn(size, generator=generator) if weights is None else weights
    predictor = x @ w
    noise = torch.randn(n, generator=generator) if response == "normal" else torch.rand(n, generator=generator)
    y = predictor + NOISE * noise if response == "normal" else (noise < torch.sigmoid(predictor)).float()
    return Batch({"x": x, "y": y}, n)


def conjugate(batch: Batch, prior_scale: float = 1.0) -> tuple[Tensor, Tensor, float]:
    """Mean, covariance and log evidence of the normal ``Regression`` with ``w ~ N(0, prior_scale²)``, in float64."""
    x, y = batch["x"].double(), batch["y"].double()
    n, size = x.shape
    precision = x.T @ x / NOISE**2 + torch.eye(size, dtype=torch.float64) / prior_scale**2
    covariance = torch.linalg.inv(precision)
    mean = covariance @ (x.T @ y) / NOISE**2
    marginal = NOISE**2 * torch.eye(n, dtype=torch.float64) + prior_scale**2 * x @ x.T
    quadratic = y @ torch.linalg.solve(marginal, y)
    evidence = -0.5 * (float(quadratic) + float(torch.linalg.slogdet(marginal)[1]) + n * math.log(2 * math.pi))
    return mean, covariance, evidence


@pytest.fixture
def regression() -> Callable[..., RewardModel]:
    return Regression


@pytest.fixture
def two_rates() -> Callable[..., RewardModel]:
    return TwoRates


@pytest.fixture
def simulated(seed_shift: int) -> Callable[..., Batch]:
    def shifted(*args: Any, seed: int = 0, **settings: Any) -> Batch:
        return simulate(*args, seed=seed + 1000 * seed_shift, **settings)

    return shifted


@pytest.fixture
def closed_form() -> Callable[..., tuple[Tensor, Tensor, float]]:
    return conjugate


@pytest.fixture
def rates_batch() -> Batch:
    """40 rows of ``TwoRates`` over 5 users."""
    generator = torch.Generator().manual_seed(3)
    columns = {
        "x": torch.randn(40, 2, generator=generator),
        "user": torch.randint(0, 5, (40,), generator=generator),
        "y": torch.randint(0, 2, (40,), generator=generator).float(),
    }
    return Batch(columns, 40)
