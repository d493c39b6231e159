"""The actions of a row, independent given its preference, with the preference summed out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float
from pyro.distributions import TorchDistribution
from torch import Tensor
from torch.distributions import constraints

from probrm.actions import LogBernoulli
from probrm.actions.bernoulli import logaddexp


class RowActions(TorchDistribution):
    """``p(o_1 … o_K) = Σ_r* p(r*) Π_k p(o_k | r*)``: a latent class model with two classes (Lazarsfeld & Henry 1968).

    Args:
        preference: ``p(r*)``, shape ``batch = (*s, n)``.
        good: K distributions of an action given ``r* = 1``, each of shape ``batch``.
        bad: the same given ``r* = 0``.
    """

    arg_constraints: dict[str, Any] = {}  # noqa: RUF012  torch declares it on the instance
    support = constraints.independent(constraints.real, 1)  # type: ignore[assignment]

    def __init__(
        self,
        preference: LogBernoulli,
        good: Sequence[TorchDistribution],
        bad: Sequence[TorchDistribution],
        validate_args: bool | None = None,
    ) -> None:
        self.preference, self.good, self.bad = preference, good, bad
        super().__init__(preference.batch_shape, torch.Size([len(good)]), validate_args=validate_args)

    def joint(self, value: Float[Tensor, "n k"]) -> tuple[Float[Tensor, "*s n"], Float[Tensor, "*s n"]]:
        """``log p(r* = 1, o)`` and ``log p(r* = 0, o)``; an action that is NaN was not observed and says nothing."""
        seen = ~value.isnan()
        filled = torch.where(seen, value, 1.0)  # a value that every kind of action allows
        parts = []
        for prior, given in ((self.preference.log_p1, self.good), (self.preference.log_p0, self.bad)):
            density = prior
            for k, action in enumerate(given):
                density = density + torch.where(seen[:, k], action.log_prob(filled[:, k]), 0.0)
            parts.append(density)
        return parts[0], parts[1]

    def log_prob(self, value: Float[Tensor, "n k"]) -> Float[Tensor, "*s n"]:
        """Log density of the observed actions of each row."""
        return logaddexp(*self.joint(value))

    def posterior(self, value: Float[Tensor, "n k"]) -> Float[Tensor, "*s n"]:
        """``P(r* = 1 | o)`` by Bayes' rule."""
        good, bad = self.joint(value)
        return torch.exp(good - logaddexp(good, bad))

    @torch.no_grad()
    def sample(self, sample_shape: Any = ()) -> Float[Tensor, "... k"]:
        """Independent draws; every action is observed."""
        shape = torch.Size(sample_shape)
        good = self.preference.sample(shape).bool()
        drawn = [torch.where(good, g.sample(shape), b.sample(shape)) for g, b in zip(self.good, self.bad, strict=True)]
        return torch.stack(drawn, -1)
