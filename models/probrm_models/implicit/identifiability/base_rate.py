"""The base rate: what the shape of the logistic link says about it is taken out of the likelihood.

With exclusion restrictions a log separates ``γ`` and ``μ`` up to one common factor, ``γμ = (cγ)(μ/c)``: neither may exceed 1, and that is
all. A logistic head picks a factor nevertheless, from the curvature of its link, and with thousands of rows it does so confidently; on real
answers it is wrong. So the evidence of the actions as a function of the base rate, ``Z(π)``, is profiled (Newton–Laplace at each of a few
base rates) and made flat over the range of base rates at which both probabilities stay below 1. Within that range labels and the prior
decide; beyond it the evidence keeps its slope. This is a cut of the feedback from one module of a model to another (Liu, Bayarri & Berger
2009; Jacob et al. 2017, arXiv 1708.08719), restricted to the direction in which the module is known to be wrong.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from probrm.coordinates.path_following import Spline
from probrm.inference.laplace.profile import Profile

_EDGE = 1e-3
"""Closest that a base rate is taken to 0 or 1."""
TOP = 0.99
"""Quantile over the rows that stands for the largest propensity and the largest preference: a maximum is the noisiest row's."""
_GRID, _BEYOND = 801, 1.5
"""Points of the base rate's logit at which densities are held, and how far these go beyond the profile's knots."""


@dataclass(frozen=True)
class LevelRange:
    """The base rates that γμ allows when a common factor may pass from one to the other.

    Attributes:
        low: at which the largest propensity is 1.
        high: at which the largest preference is 1.
    """

    low: float
    high: float

    @classmethod
    def of(cls, base_rate: float, preference: Float[Tensor, " n"], propensity: Float[Tensor, " n"]) -> LevelRange:
        """From a fit's probabilities over the rows.

        Multiplying γ by ``c`` and μ by ``1/c`` leaves every action's probability as it is, and the mean of γ becomes ``c π``;
        ``c`` lies between ``max μ`` and ``1 / max γ``.
        """
        rows = slice(0, 1_000_000)  # torch.quantile takes 16 million numbers at most
        top_preference = float(torch.quantile(preference[rows].double(), TOP))
        top_propensity = float(torch.quantile(propensity[rows].double(), TOP))
        low, high = max(_EDGE, base_rate * top_propensity), min(1 - _EDGE, base_rate / top_preference)
        return cls(low, max(low, high))

    @property
    def ratio(self) -> float:
        """Largest over smallest: 1 where saturation alone fixes the level."""
        return self.high / self.low

    @property
    def logits(self) -> tuple[float, float]:
        """Both ends as logits."""
        return math.log(self.low / (1 - self.low)), math.log(self.high / (1 - self.high))


class LevelCorrection:
    """A function of the base rate that is subtracted from the log density.

    Args:
        logits: of the base rate, ascending, ``(k,)``.
        values: there, ``(k,)``.
    """

    def __init__(self, logits: Float[Tensor, " k"], values: Float[Tensor, " k"]) -> None:
        self.spline = Spline(logits, values)

    def __call__(self, base_rate: Float[Tensor, "*s"]) -> Float[Tensor, "*s"]:
        """Its value at base rates in (0, 1)."""
        if self.spline.knots.device != base_rate.device:  # after a fit the model goes back to the CPU, and this does not go with it
            self.spline.to(base_rate.device)
        return self.spline(torch.logit(base_rate))


@dataclass(frozen=True)
class Level:
    """Densities of the base rate's logit on a grid, up to constants, ``(g,)`` each, on the CPU.

    Attributes:
        grid: the logits.
        prior: log density, the Jacobian of the logit in it.
        actions: log evidence of the actions alone.
        everything: log evidence of actions and labels.
        range: over which that of the actions is made flat; None leaves it as it is.
    """

    grid: Float[Tensor, " g"]
    prior: Float[Tensor, " g"]
    actions: Float[Tensor, " g"]
    everything: Float[Tensor, " g"]
    range: LevelRange | None

    @classmethod
    def of(cls, prior: torch.distributions.Distribution, actions: Profile, everything: Profile, range_: LevelRange | None) -> Level:
        """From the profiles with and without labels and the prior of the base rate, which is on the CPU."""
        low = min(float(p.knots[0]) for p in (actions, everything)) - _BEYOND
        high = max(float(p.knots[-1]) for p in (actions, everything)) + _BEYOND
        grid = torch.linspace(low, high, _GRID, dtype=torch.float64, device="cpu")  # where the profiles' curves are, too
        rate = torch.sigmoid(grid)
        density = prior.log_prob(rate) + (rate * (1 - rate)).log()
        of_actions, of_everything = (p.curve(grid) for p in (actions, everything))
        return cls(grid, density, of_actions, of_everything, range_)

    def taken_out(self) -> Float[Tensor, " g"]:
        """What the shape of the link says: the evidence within the range, its values at the ends beyond."""
        if self.range is None:
            return torch.zeros_like(self.grid)
        low, high = (min(max(end, float(self.grid[0])), float(self.grid[-1])) for end in self.range.logits)
        inside = Spline(self.grid, self.actions)(self.grid.clamp(low, high))
        return inside - inside.max()

    def marginal(self) -> Float[Tensor, " g"]:
        """The log posterior density of the logit, normalised over the grid."""
        return torch.log_softmax(self.prior + self.everything - self.taken_out(), 0)

    def moments(self) -> tuple[float, float]:
        """Mean and standard deviation of the logit."""
        weight = self.marginal().exp()
        mean = float(weight @ self.grid)
        return mean, float((weight @ (self.grid - mean).square()).sqrt())

    def correction(self) -> LevelCorrection | None:
        """For the fit."""
        return None if self.range is None else LevelCorrection(self.grid, self.taken_out())
