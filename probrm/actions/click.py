"""A yes/no action (copy, click, like) taken when the answer is preferred and the user is active."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

import torch
from jaxtyping import Float
from pydantic import BeforeValidator, ConfigDict, Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from probrm.actions.bernoulli import LogBernoulli, logaddexp
from probrm.priors import Prior, as_prior


def _as_rate(value: Any) -> Any:
    if isinstance(value, int | float) and not isinstance(value, bool):
        if not 0 <= value < 0.5:
            raise ValueError(f"found {value!r}; a rate of wrong actions lies in [0, 0.5)")
        return float(value)
    return as_prior(value)


@dataclass(frozen=True, config=ConfigDict(extra="forbid", arbitrary_types_allowed=True))
class Click:
    """``o ~ Bernoulli(s (1 − δ) + (1 − s) ε)`` with ``s = r*·a``: preferred *and* active.

    Attributes:
        false_rate: ε, the rate of actions on answers that were not (preferred and active); a number in [0, 0.5) or a
            prior such as ``Beta(1, 50)``. Zero says that every action is a preference.
        miss_rate: δ, the rate at which an intended action is not logged; it is not identified against the propensity,
            so it is a number.
    """

    name: Literal["click"] = "click"
    false_rate: Annotated[Any, BeforeValidator(_as_rate)] = 0.0
    miss_rate: float = Field(default=0.0, ge=0, lt=0.5)

    def sample_false_rate(self) -> Tensor | float:
        """ε: the number, or a draw at the site ``false_rate``."""
        return self.false_rate.sample("false_rate") if isinstance(self.false_rate, Prior) else self.false_rate

    def given(self, log_s: Float[Tensor, ...], log_not_s: Float[Tensor, ...], false_rate: Tensor | float) -> LogBernoulli:
        """The action's distribution given ``log P(s = 1)`` and ``log P(s = 0)``; exact for ``s`` known (0 and −∞)."""
        log_p1 = log_s + math.log1p(-self.miss_rate)
        log_p0 = log_not_s
        if isinstance(false_rate, Tensor) or false_rate > 0:
            rate = false_rate.to(log_s) if isinstance(false_rate, Tensor) else log_s.new_full((), false_rate)  # filled in, not copied there
            log_p1 = logaddexp(log_p1, log_not_s + rate.log())
            log_p0 = log_p0 + torch.log1p(-rate)
        if self.miss_rate > 0:
            log_p0 = logaddexp(log_p0, log_s + math.log(self.miss_rate))
        return LogBernoulli(log_p1, log_p0)
