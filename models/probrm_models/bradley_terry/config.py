"""What can be set on the Bradley–Terry reward model, and the shape of its inputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import ConfigDict, Field, TypeAdapter
from pydantic.dataclasses import dataclass

from probrm.heads import HeadConfig
from probrm.priors import HalfNormal, Normal, PriorSlot, prior_to_dict

_SETTINGS = ConfigDict(extra="forbid", arbitrary_types_allowed=True)


@dataclass(frozen=True, config=_SETTINGS)
class BradleyTerryPriors:
    """The priors, by slot.

    Attributes:
        weights: last-layer weights over an embedding; their scale is the standard deviation of the reward, a logit.
        log_tie: log ν of Davidson's model of ties.
    """

    weights: PriorSlot = Field(default_factory=lambda: Normal(0.0, HalfNormal(4.0)))
    log_tie: PriorSlot = Field(default_factory=lambda: Normal(0.0, 1.0))


@dataclass(frozen=True, config=_SETTINGS)
class BradleyTerryConfig:
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

    def to_dict(self) -> dict[str, Any]:
        """As JSON; see ``from_dict``."""
        return {
            "priors": {slot: prior_to_dict(getattr(self.priors, slot)) for slot in BradleyTerryPriors.__dataclass_fields__},
            "head": {"name": self.head.name, "hidden": list(self.head.hidden)},
            "repeats": self.repeats,
            "certificate": self.certificate,
        }

    @classmethod
    def from_dict(cls, settings: Mapping[str, Any]) -> BradleyTerryConfig:
        """Settings from nested mappings.

        Raises:
            pydantic.ValidationError: an unknown name or a value that is not allowed.
        """
        return TypeAdapter(cls).validate_python(dict(settings))


@dataclass(frozen=True, config=_SETTINGS)
class BradleyTerryShape:
    """The inputs of a Bradley–Terry model.

    Attributes:
        embedding: columns of a response's embedding.
        ties: whether pairs may be ties.
    """

    embedding: int
    ties: bool = False

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {"embedding": self.embedding, "ties": self.ties}
