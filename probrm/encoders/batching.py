"""Batches of similar length under a budget of padded tokens, and their padding."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from jaxtyping import Bool, Int
from torch import Tensor


def length_sorted_batches(lengths: Sequence[int], budget: int) -> Iterator[list[int]]:
    """Positions in batches of at most ``budget`` padded tokens, longest texts first.

    Longest first, so that a machine that runs out of memory does so at once. A single text above the budget is a batch of its own.
    """
    batch: list[int] = []
    for position in sorted(range(len(lengths)), key=lambda index: -lengths[index]):
        if batch and lengths[batch[0]] * (len(batch) + 1) > budget:
            yield batch
            batch = []
        batch.append(position)
    if batch:
        yield batch


def pad_right(sequences: Sequence[Sequence[int]], pad: int) -> tuple[Int[Tensor, "b t"], Bool[Tensor, "b t"]]:
    """Token ids and the mask of the real ones, padded on the right whatever side the tokenizer prefers.

    Padding on the left serves generation. On the right, positions count from the first real token without explicit
    position ids, a causal model never sees padding, and the mask, not the id, says what is real: ``pad`` may be the end token.
    """
    longest = max(len(sequence) for sequence in sequences)
    ids = torch.full((len(sequences), longest), pad, dtype=torch.long)
    mask = torch.zeros((len(sequences), longest), dtype=torch.bool)
    for row, sequence in enumerate(sequences):
        ids[row, : len(sequence)] = torch.tensor(sequence, dtype=torch.long)
        mask[row, : len(sequence)] = True
    return ids, mask
