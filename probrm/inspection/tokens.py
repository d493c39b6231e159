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

_CHARACTERS = 3_000_000
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
    rendered = whole(conversations)
    sizes = list(map(len, rendered))
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
        found["same_sides"] = _same_sides(rendered, conversations, seen)
    return found


def _same_sides(rendered: Sequence[Rendered], conversations: Sequence[Conversation], seen: Renderer) -> int:
    """How many neighbours are equal as the encoder sees them; only what is cut is rendered again."""
    equal = sum(first.ids == second.ids for first, second in zip(rendered[::2], rendered[1::2], strict=True))
    cut = [i for i in range(0, len(rendered), 2) if min(len(rendered[i]), len(rendered[i + 1])) > seen.max_length]
    again = seen([conversations[i + side] for i in cut if rendered[i].ids != rendered[i + 1].ids for side in (0, 1)])
    return equal + sum(first.ids == second.ids for first, second in zip(again[::2], again[1::2], strict=True))


def _sample(sides: Sequence[Sequence[Conversation]]) -> list[int]:
    """Positions in a random order, as many as the budget allows; a row that is longer by itself is left out."""
    order, total, taken = list(range(len(sides[0]))), 0, []
    random.Random(0).shuffle(order)
    for i in order:
        size = sum(len(side[i].prompt_text) + len(side[i].response) for side in sides)
        if size > _CHARACTERS:
            continue
        total += size
        if total > _CHARACTERS:
            break
        taken.append(i)
    return taken
