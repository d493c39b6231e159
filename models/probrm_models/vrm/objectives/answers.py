"""The distinct answers of a set of pairs, and what can be counted in their texts."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from probrm.data import Batch, Pairs

REFUSAL = re.compile(
    r"\W*(?:(?:oh,? )?(?:i['’]m|i am) (?:very |so |really |truly )?(?:sorry|afraid|unable|not able|not in a position)|sorry\b|my apologies|"
    r"i apologi[sz]e|unfortunately,? i\b|i must decline|i(?: would|['’]d) rather not|i (?:can(?:['’]t|not)|won['’]t|will not|am unable to) "
    r"(?:help|assist|provide|answer|do|comply|fulfil|create|write|share|support|discuss|engage|give|offer|process)|"
    r"i (?:do not|don['’]t) have the ability|as an? (?:ai|assistant|language model)\b)",
    re.IGNORECASE,
)
"""How refusals open in English. It looks at an answer's first words alone: a refusal that comes later, or in another language, is missed."""
FENCE = "```"


@dataclass(frozen=True)
class Answers:
    """n distinct answers: equal texts to the same prompt are one.

    Attributes:
        embedding: ``(n, d)``.
        prompt: number of each one's prompt, ``(n,)``.
        row: position of the first pair that has it, ``(n,)``.
        side: ``chosen`` or ``rejected``, in that pair, ``(n,)``.
        texts: n of them.
        ratings: attribute scores as in the file, ``(n, a)``, NaN where missing.
        attributes: their names.
    """

    embedding: Float[Tensor, "n d"]
    prompt: Int[np.ndarray, " n"]
    row: Int[np.ndarray, " n"]
    side: np.ndarray
    texts: list[str]
    ratings: Float[np.ndarray, "n a"]
    attributes: tuple[str, ...]

    @classmethod
    def of(cls, batch: Batch, pairs: Pairs) -> Answers:
        """Those of m pairs, whose batch is ``batch``."""
        m, attributes = len(pairs), pairs.attributes
        number = torch.cat([batch["chosen_index"], batch["rejected_index"]]).cpu().numpy()
        first = np.sort(np.unique(number, return_index=True)[1])
        texts = [c.response for c in (*pairs.chosen, *pairs.rejected)]
        rated = [scores for scores in (pairs.chosen_scores, pairs.rejected_scores) if scores is not None]
        ratings = np.concatenate(rated) if len(rated) == 2 else np.full((2 * m, len(attributes)), np.nan)
        both = torch.cat([batch["chosen"], batch["rejected"]])
        return cls(
            embedding=both[torch.from_numpy(first).to(both.device)],
            prompt=np.tile(batch["prompt_index"].cpu().numpy(), 2)[first],
            row=first % m,
            side=np.where(first < m, "chosen", "rejected"),
            texts=[texts[i] for i in first],
            ratings=ratings[first].astype(np.float64),
            attributes=attributes,
        )

    def properties(self) -> dict[str, Float[np.ndarray, " n"]]:
        """By name: the text's length (logarithm of its characters), whether it has a fenced code block, whether it opens as a refusal does, and its ratings."""
        counted = {
            "length": np.log([1.0 + len(text) for text in self.texts]),
            "code block": np.array([FENCE in text for text in self.texts], np.float64),
            "refusal": np.array([REFUSAL.match(text) is not None for text in self.texts], np.float64),
        }
        return counted | {f"rating of {name}": self.ratings[:, k] for k, name in enumerate(self.attributes)}
