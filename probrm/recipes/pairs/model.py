"""What a model of preference pairs adds to a reward model: the difference of two rewards, with what they share shared."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

from jaxtyping import Float
from torch import Tensor

from probrm.data.batch import Batch
from probrm.model import RewardModel, Values


class PairModel(RewardModel):
    """A reward model that is fitted to pairs and scores pairs and single responses.

    ``reward`` takes batches with the column ``response (n, d)``; ``difference`` and ``log_likelihood`` take ``chosen``
    and ``rejected``, ``(n, d)`` each, and ``outcome (n,)``: 1 where the chosen one is preferred, 1/2 for a tie.
    """

    observed: ClassVar[str] = "outcome"
    uses_prompts: ClassVar[bool] = False
    """Whether batches need the column ``prompt (n, p)`` too: the prompt's own vector."""

    def support(self) -> tuple[float, ...]:
        """Won or lost, or a tie where the model knows such."""
        return (0.0, 0.5, 1.0) if self.shape.ties else (0.0, 1.0)  # type: ignore[union-attr]

    @abstractmethod
    def difference(self, values: Values, batch: Batch) -> Float[Tensor, "*s n"]:
        """``r_chosen − r_rejected``, a logit, for one draw of the globals or many; what belongs to the prompt is drawn once."""
