"""How long texts are to the encoder, and how many it would cut."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

from probrm.data import Conversation
from probrm.encoders.config import EncoderConfig
from probrm.encoders.rendering import Rendered, Renderer
from probrm.encoders.tokenizer_alone import tokenizer_alone
from probrm.inspection.counting import spread

_CHARACTERS = 5_000_000
"""Tokenised at most, which takes a second; of more text, a random part stands for all."""


def measured(*sides: Sequence[Conversation]) -> dict[str, Any] | None:
    """The lengths in tokens of the default encoder, and how many texts it would cut, with its tokenizer and in its layout.

    Args:
        sides: n answers; of pairs, n chosen ones and n rejected ones.

    Returns:
        See ``Inspection.tokens``; None where the tokenizer is not on this machine.
    """
    tokenizer = tokenizer_alone()
    if tokenizer is None:
        return None
    config, n = EncoderConfig(), len(sides[0])
    taken = _sample(sides)
    whole = Renderer(tokenizer, text=config.text, max_length=10**9)  # nothing is that long
    seen = Renderer(tokenizer, text=config.text, max_length=config.max_length)
    conversations = [side[i] for i in taken for side in sides]
    sizes = [len(one) for one in whole(conversations)]
    found: dict[str, Any] = {
        "encoder": config.name,
        "max_length": config.max_length,
        "texts": len(conversations),
        "of": n * len(sides),
        **spread(sizes),
        "cut": sum(size > config.max_length for size in sizes),
        "same_sides": None,
    }
    if len(sides) == 2:
        rendered = seen(conversations)
        found["same_sides"] = sum(map(_same, rendered[::2], rendered[1::2]))
    return found


def _sample(sides: Sequence[Sequence[Conversation]]) -> list[int]:
    """Positions in a random order, as many as the budget allows."""
    order, total, taken = list(range(len(sides[0]))), 0, []
    random.Random(0).shuffle(order)
    for i in order:
        total += sum(len(side[i].prompt_text) + len(side[i].response) for side in sides)
        if taken and total > _CHARACTERS:
            break
        taken.append(i)
    return taken


def _same(first: Rendered, second: Rendered) -> bool:
    return first.ids == second.ids
