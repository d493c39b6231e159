"""Pairs whose two sides are one and the same to the encoder: nothing can be learnt from them."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float
from torch import Tensor

from probrm.data import Pairs
from probrm.errors import DataError

_ROUNDING = 1e-4
"""Equal token ids in batches of other lengths give vectors that differ by rounding errors, relative to their length."""


def same_sides(chosen: Float[Tensor, "m d"], rejected: Float[Tensor, "m d"]) -> Bool[np.ndarray, " m"]:
    """Which of m pairs have the same vector on both sides."""
    gap = (chosen - rejected).abs().amax(1)
    return (gap <= _ROUNDING * chosen.square().mean(1).sqrt()).cpu().numpy()


def different_sides(pairs: Pairs, chosen: Float[Tensor, "m d"], rejected: Float[Tensor, "m d"], max_length: int) -> Bool[np.ndarray, " m"]:
    """Which of m pairs have different vectors; how many have not is noted.

    Args:
        pairs: m of them; their notes get the number.
        chosen: vectors of the chosen sides.
        rejected: those of the others.
        max_length: tokens that the encoder sees.

    Raises:
        DataError: none of the pairs has.
    """
    same = same_sides(chosen, rejected)
    if not same.any():
        return ~same
    why = f"equal after tokenising, or where the encoder sees {max_length} tokens at most (encoder.max_length)"
    first = pairs.rows[same.argmax()] + 1
    said = f"{int(same.sum())} of {len(pairs)} pairs have the same vector on both sides (the first is row {first}): {why}"
    fix = f"let the encoder see more: --set encoder.max_length={2 * max_length}, or give pairs that differ earlier"
    if same.all():
        raise DataError(f"{pairs.source}: {said}; allowed: pairs that the encoder can distinguish", fix=fix)
    pairs.notes.append(f"dropped: {said}")
    return ~same
