"""How many inputs a model of preference pairs has."""

from __future__ import annotations

from pydantic.dataclasses import dataclass

from probrm.settings import STRICT, Settings


@dataclass(frozen=True, config=STRICT)
class PairShape(Settings):
    """The inputs of a model of preference pairs.

    Attributes:
        embedding: columns of a response's embedding.
        ties: whether pairs may be ties.
        prompt: columns of a prompt's; 0 where the model does not see them.
    """

    embedding: int
    ties: bool = False
    prompt: int = 0
