"""How many inputs a model of logged actions has, and what they are called."""

from __future__ import annotations

from pydantic.dataclasses import dataclass

from probrm.data.logs.actions import ActionSpec
from probrm.settings import STRICT, Settings


@dataclass(frozen=True, config=STRICT)
class LogShape(Settings):
    """The inputs of a model of logged actions.

    Attributes:
        embedding: columns of the embedding.
        reward_effects: names of the reward head's covariates.
        propensity_effects: names of the propensity head's covariates.
        users: their ids, in the order of their effects; none switches these off.
        reference: how many reference rows the base rate is a mean over; the single one of the default is the average embedding.
        actions: the kinds of actions of a row, where they are not the single yes/no action.
        repeated: answers that the log shows several times.
    """

    embedding: int
    reward_effects: tuple[str, ...] = ()
    propensity_effects: tuple[str, ...] = ()
    users: tuple[str, ...] = ()
    reference: int = 1
    actions: tuple[ActionSpec, ...] = ()
    repeated: int = 0
