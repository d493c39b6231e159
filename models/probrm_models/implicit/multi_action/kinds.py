"""The kinds of actions: each owns its single parameters and its distribution given the preference."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from pyro.distributions import TorchDistribution
from torch import Tensor

from probrm.actions import Click, Dwell, Ordinal, cut_points
from probrm.data.logs.actions import ActionSpec
from probrm.model import Values

Parts = Sequence[Tensor]
"""An action's single parameters, which its location is not: ``(*s, 1)`` each, cut points ``(*s, levels - 1)``."""


@dataclass(frozen=True)
class Action(ABC):
    """One action of a row.

    Attributes:
        spec: what a user said of it.
        intercept: its place in ``propensity_intercept``; None without.
        strength: its place in ``action_strength``; None of a yes/no action.
    """

    spec: ActionSpec
    intercept: int | None
    strength: int | None

    @abstractmethod
    def parts(self, values: Values) -> Parts:
        """Its single parameters among the globals."""

    @abstractmethod
    def take(self, rest: list[Tensor]) -> Parts:
        """The same from the front of predictors, ``(n,)`` each, which are removed there."""

    @abstractmethod
    def given(self, location: Tensor, preferred: bool, parts: Parts, click: Click, false_rate: Tensor | float) -> TorchDistribution:
        """``o_k | r*, z, u``."""

    def _moved(self, location: Tensor, preferred: bool, strength: Tensor) -> Tensor:
        return location + (-strength if self.spec.against else strength) if preferred else location

    def _strength(self, values: Values) -> Tensor:
        return _entry(values, "action_strength", self.strength)


@dataclass(frozen=True)
class Binary(Action):
    """Done or not: ``o_k ~ Bernoulli(t a)``, the location the logit of the propensity."""

    def parts(self, values: Values) -> Parts:
        """None."""
        return ()

    def take(self, rest: list[Tensor]) -> Parts:
        """None."""
        return ()

    def given(self, location: Tensor, preferred: bool, parts: Parts, click: Click, false_rate: Tensor | float) -> TorchDistribution:
        """A click."""
        active, passive = F.logsigmoid(location), F.logsigmoid(-location)
        if preferred == self.spec.against:  # the answer gives no reason for it
            active, passive = torch.full_like(location, -torch.inf), torch.zeros_like(location)
        return click.given(active, passive, false_rate)


@dataclass(frozen=True)
class Graded(Action):
    """Ordered levels: a cumulative logit model."""

    hazards: slice

    def parts(self, values: Values) -> Parts:
        """δ and the cut points."""
        return self._strength(values), cut_points(values["level_hazards"][..., self.hazards])

    def take(self, rest: list[Tensor]) -> Parts:
        """δ and the cut points."""
        return rest.pop(0), torch.stack([rest.pop(0) for _ in self.spec.levels[1:]], -1)

    def given(self, location: Tensor, preferred: bool, parts: Parts, click: Click, false_rate: Tensor | float) -> TorchDistribution:
        """A level."""
        return Ordinal(self._moved(location, preferred, parts[0]), parts[1])


@dataclass(frozen=True)
class Timed(Action):
    """Positive seconds: log-normal."""

    width: int

    def parts(self, values: Values) -> Parts:
        """δ and σ."""
        return self._strength(values), _entry(values, "action_width", self.width)

    def take(self, rest: list[Tensor]) -> Parts:
        """δ and σ."""
        return rest.pop(0), rest.pop(0)

    def given(self, location: Tensor, preferred: bool, parts: Parts, click: Click, false_rate: Tensor | float) -> TorchDistribution:
        """Seconds."""
        return Dwell(self._moved(location, preferred, parts[0]), parts[1], self.spec.centre, self.spec.spread)


def actions_of(specs: Sequence[ActionSpec]) -> tuple[Action, ...]:
    """One object an action, in their order, with its places among the globals."""
    found: list[Any] = []
    intercepts = graded = timed = levels = 0
    for spec in specs:
        if spec.kind == "binary":
            found.append(Binary(spec, intercepts, None))
        elif spec.kind == "ordinal":  # cut points are intercepts already
            found.append(Graded(spec, None, graded, slice(levels, levels + len(spec.levels) - 1)))
            levels += len(spec.levels) - 1
        else:
            found.append(Timed(spec, intercepts, graded, timed))
            timed += 1
        intercepts += found[-1].intercept is not None
        graded += found[-1].strength is not None
    return tuple(found)


def _entry(values: Values, name: str, place: int | None) -> Float[Tensor, "*s 1"]:
    return values[name][..., place].unsqueeze(-1)
