"""From pairs and their embeddings to the batch of a pair model: fitted once, saved with the run."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from probrm.data import Batch, Conversation, Pairs
from probrm.encoders import EncoderConfig
from probrm.errors import DataError
from probrm.recipes.pairs.shape import PairShape


def prompt_conversation(conversation: Conversation, text: str) -> Conversation:
    """What an encoder gets for a prompt's own vector: the prompt without a response.

    The same encoder, cache and stores serve for prompts as for responses.

    Args:
        conversation: any answer to the prompt.
        text: the encoder's ``text``; one that sees ``"response"`` alone gets the prompt in the response's place.
    """
    return Conversation("", conversation.prompt_text) if text == "response" else Conversation(conversation.prompt, "")


def pair_texts(pairs: Pairs, config: EncoderConfig, *, prompts: bool) -> list[Conversation]:
    """All that is encoded of m pairs, in one list: m chosen sides, m rejected sides and, where asked for, m prompts."""
    return [*pairs.chosen, *pairs.rejected, *([prompt_conversation(c, config.text) for c in pairs.chosen] if prompts else [])]


@dataclass(frozen=True)
class PairInputs:
    """How vectors and attribute scores become columns.

    A column's mean and deviation are those over the *distinct* responses of the fitted pairs, however many pairs each is in: a
    reward that is linear in the standardised vectors is then 0 on average over those responses.

    Attributes:
        centre: mean of each embedding column over the responses, ``(d,)``.
        spread: its standard deviation, ``(d,)``; 1 for a constant column.
        prompt_centre: the same over the distinct prompts, ``(p,)``; empty for a model that does not see them.
        prompt_spread: ``(p,)``.
        attributes: names of the ``K'`` attributes.
        attribute_mean: of the scores of both sides, ``(K',)``.
        attribute_sd: ``(K',)``.
    """

    centre: Float[Tensor, " d"]
    spread: Float[Tensor, " d"]
    prompt_centre: Float[Tensor, " p"]
    prompt_spread: Float[Tensor, " p"]
    attributes: tuple[str, ...]
    attribute_mean: Float[Tensor, " k"]
    attribute_sd: Float[Tensor, " k"]

    @classmethod
    def fit(
        cls, pairs: Pairs, chosen: Float[Tensor, "m d"], rejected: Float[Tensor, "m d"], prompt: Float[Tensor, "m p"] | None = None
    ) -> PairInputs:
        """Means and deviations over m pairs. None of them looks at who was preferred."""
        responses = _responses(pairs)
        sides = torch.cat([chosen, rejected])
        centre, spread = _standard(sides[_first(responses)])
        scores = torch.cat([_scores(pairs, pairs.attributes, side) for side in ("chosen", "rejected")])[_first(responses)]
        prompts = (torch.zeros(0), torch.zeros(0)) if prompt is None else _standard(prompt[_first(_prompts(pairs))])
        mean = scores.nanmean(0)
        sd = (scores - mean).square().nanmean(0).sqrt()
        return cls(centre, spread, *prompts, pairs.attributes, mean, torch.where(sd > 1e-6, sd, 1.0))

    def batch(
        self, pairs: Pairs, chosen: Float[Tensor, "m d"], rejected: Float[Tensor, "m d"], prompt: Float[Tensor, "m p"] | None = None
    ) -> Batch:
        """The batch of all pairs.

        Its columns: ``chosen`` and ``rejected (m, d)``, standardised; ``prompt (m, p)``, standardised, where one is given;
        ``outcome`` and ``weight (m,)``; ``prompt_index``, ``chosen_index`` and ``rejected_index (m,)``, int64: equal prompts have
        equal indices, and equal responses (same prompt, same text) too, counted from 0; ``scores (m, K')``, the chosen side's
        attribute scores, standardised, NaN where missing, where the fit had attributes.

        Raises:
            DataError: vectors of another length than the fit's.
        """
        m, responses = len(pairs), _responses(pairs)
        columns = {
            "chosen": self._scaled(chosen, pairs.source),
            "rejected": self._scaled(rejected, pairs.source),
            "outcome": torch.from_numpy(pairs.outcome),
            "weight": torch.from_numpy(pairs.weight),
            "prompt_index": _prompts(pairs),
            "chosen_index": responses[:m],
            "rejected_index": responses[m:],
        }
        if prompt is not None:
            columns["prompt"] = self._prompt_scaled(prompt)
        if self.attributes:
            columns["scores"] = (_scores(pairs, self.attributes, "chosen") - self.attribute_mean) / self.attribute_sd
        return Batch(columns, m)

    def single(self, vectors: Float[Tensor, "n d"], prompts: Float[Tensor, "n p"] | None = None) -> Batch:
        """A batch of single responses: ``response (n, d)`` and, where given, ``prompt (n, p)``, both standardised.

        Raises:
            DataError: vectors of another length than the fit's.
        """
        columns = {"response": self._scaled(vectors, "the texts")}
        if prompts is not None:
            columns["prompt"] = self._prompt_scaled(prompts)
        return Batch(columns, len(vectors))

    def _scaled(self, vectors: Tensor, source: str) -> Tensor:
        if vectors.shape[1] != len(self.centre):
            raise DataError(
                f"{source}: its embeddings have {vectors.shape[1]} columns, the run was fitted on {len(self.centre)}",
                fix="encode with the encoder of the run (probrm evaluate and score do so by themselves without --embeddings)",
            )
        return (vectors - self.centre) / self.spread

    def _prompt_scaled(self, vectors: Tensor) -> Tensor:
        return (vectors - self.prompt_centre) / self.prompt_spread

    def tensors(self) -> dict[str, Tensor]:
        """What goes into safetensors."""
        names = ("centre", "spread", "prompt_centre", "prompt_spread", "attribute_mean", "attribute_sd")
        return {name: getattr(self, name) for name in names}

    def to_dict(self) -> dict[str, Any]:
        """What goes into JSON."""
        return {"attributes": list(self.attributes)}

    def check_shape(self, shape: PairShape) -> None:
        """Refuses a model of another shape, which a run's files may describe although nobody fitted it.

        Raises:
            ValueError: names what differs.
        """
        lengths = {"centre": shape.embedding, "prompt_centre": shape.prompt, "attribute_mean": len(self.attributes)}
        lengths |= {"spread": shape.embedding, "prompt_spread": shape.prompt, "attribute_sd": len(self.attributes)}
        for name, value in self.tensors().items():
            if value.shape != (lengths[name],):
                raise ValueError(f"inputs.{name} has the shape {tuple(value.shape)}; allowed: ({lengths[name]},)")

    @classmethod
    def restore(cls, spec: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> PairInputs:
        """The inverse of ``to_dict`` and ``tensors``."""
        return cls(attributes=tuple(spec["attributes"]), **tensors)


def _standard(vectors: Tensor) -> tuple[Tensor, Tensor]:
    spread = vectors.std(0, correction=0)
    return vectors.mean(0), torch.where(spread > 1e-6, spread, 1.0)  # a constant column stays zero


def _scores(pairs: Pairs, attributes: tuple[str, ...], side: str) -> Float[Tensor, "m k"]:
    """One side's scores of these attributes; NaN for one that the pairs do not have."""
    there: np.ndarray | None = getattr(pairs, f"{side}_scores")
    found = np.full((len(pairs), len(attributes)), np.nan, np.float32)
    for k, name in enumerate(attributes):
        if there is not None and name in pairs.attributes:
            found[:, k] = there[:, pairs.attributes.index(name)]
    return torch.from_numpy(found)


def _numbered(keys: Iterable[Hashable]) -> Int[Tensor, " n"]:
    """Equal keys get equal numbers, in the order in which they first occur."""
    numbers: dict[Hashable, int] = {}
    return torch.tensor([numbers.setdefault(key, len(numbers)) for key in keys], dtype=torch.long)


def _prompts(pairs: Pairs) -> Int[Tensor, " m"]:
    return _numbered(c.prompt_text for c in pairs.chosen)


def _responses(pairs: Pairs) -> Int[Tensor, " 2m"]:
    """Numbers of the chosen responses, then of the rejected ones."""
    return _numbered((c.prompt_text, c.response) for c in [*pairs.chosen, *pairs.rejected])


def _first(numbers: Int[Tensor, " n"]) -> Int[Tensor, " j"]:
    """Where each number occurs first."""
    return torch.from_numpy(np.unique(numbers.numpy(), return_index=True)[1])
