"""What the rest of the toolkit asks of an encoder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from jaxtyping import Float
from torch import Tensor

from probrm.data.conversation import Conversation
from probrm.progress import Progress, silent


class Encoder(Protocol):
    """Anything that turns conversations into vectors: a transformer, vectors computed elsewhere, your own.

    Attributes:
        dim: length of a vector.
        key: changes with whatever changes the vectors (model content, every such setting); names the cache folder.
    """

    @property
    def dim(self) -> int:
        """Length of a vector."""
        ...

    @property
    def key(self) -> str:
        """A name for this encoder's vectors, fit for a folder."""
        ...

    def encode(self, conversations: Sequence[Conversation], *, progress: Progress = silent) -> Float[Tensor, "n d"]:
        """One float32 vector on the CPU for each conversation, in their order."""
        ...


@runtime_checkable
class Preparable(Protocol):
    """An encoder that settles something (its precision) on a look at the texts, before its ``key`` is read."""

    def prepare(self, conversations: Sequence[Conversation]) -> None:
        """Look at the texts that are about to be encoded."""
        ...
