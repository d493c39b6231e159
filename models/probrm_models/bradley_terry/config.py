"""What can be set on the Bradley–Terry reward model."""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from probrm.heads import HeadConfig
from probrm.priors import HalfNormal, Normal, PriorSlot
from probrm.settings import STRICT, Settings


@dataclass(frozen=True, config=STRICT)
class BradleyTerryPriors:
    """The priors, by slot.

    Attributes:
        weights: last-layer weights over an embedding; their scale is the standard deviation of the reward, a logit.
        log_tie: log ν of Davidson's model of ties.
    """

    weights: PriorSlot = Field(default_factory=lambda: Normal(0.0, HalfNormal(4.0)))
    log_tie: PriorSlot = Field(default_factory=lambda: Normal(0.0, 1.0))


@dataclass(frozen=True, config=STRICT)
class BradleyTerryConfig(Settings):
    """Settings of the Bradley–Terry model (the ``[model]`` table).

    Attributes:
        priors: see ``BradleyTerryPriors``.
        head: trunk under the Bayesian last layer.
        repeats: what pairs that share responses count for in the Bayesian fit. ``discount``: as much as their responses have
            independent differences, see ``probrm.recipes.pairs.repeats.shares``; ``independent``: 1 each.
        certificate: works out PAC-Bayes bounds on the error; from a few thousand pairs they say more than "vacuous".
    """

    priors: BradleyTerryPriors = Field(default_factory=BradleyTerryPriors)
    head: HeadConfig = Field(default_factory=HeadConfig)
    repeats: Literal["discount", "independent"] = "discount"
    certificate: bool = False
