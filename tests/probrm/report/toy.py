"""A model small enough that its graph can be written down."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyro
import pyro.distributions as dist
import torch
from torch import Tensor

from probrm.actions import LogBernoulli
from probrm.data import Batch
from probrm.model import RewardModel


class Toy(RewardModel):
    """A line with a hierarchical slope, a latent in each row, and a factor."""

    kind = "toy"

    def forward(self, batch: Batch) -> None:
        """The process."""
        scale = pyro.sample("slope_scale", dist.HalfNormal(2.0))
        slope = pyro.sample("slope", dist.Normal(0.0, scale).expand((3,)).to_event(1))  # type: ignore[attr-defined]
        rate = pyro.sample("rate", dist.Beta(2.0, 8.0))
        pyro.factor("penalty", -rate)
        with pyro.plate("rows", len(batch)):
            own = pyro.sample("own", dist.Normal(slope.sum(), 0.5))
            logit = batch["x"] @ slope + own
            pyro.sample("action", LogBernoulli(logit.sigmoid().log(), (-logit).sigmoid().log()), obs=batch["action"])
            pyro.sample("other", dist.Bernoulli(rate).mask(batch["action"] > 0), obs=batch["action"])

    def reward(self, values: Mapping[str, Tensor], batch: Batch) -> Tensor:
        """The line."""
        return values["slope"] @ batch["x"].T

    def log_likelihood(self, values: Mapping[str, Tensor], batch: Batch) -> Tensor:
        """Unused."""
        raise NotImplementedError

    def dims(self) -> dict[str, tuple[str, ...]]:
        """Of the slope."""
        return {"slope": ("toy_feature",)}

    def coords(self) -> dict[str, list[str]]:
        """Its names."""
        return {"toy_feature": ["a", "b", "c"]}

    def spec(self) -> dict[str, Any]:
        """Nothing."""
        return {}

    @classmethod
    def from_spec(cls, spec: Mapping[str, Any]) -> Toy:
        """The same again."""
        return cls()


def toy_batch(n: int = 4) -> Batch:
    """n rows."""
    return Batch({"x": torch.ones(n, 3), "action": torch.tensor([1.0, 0.0] * (n // 2))}, n)
