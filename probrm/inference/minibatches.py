"""Minibatches cut from tensors in memory: no loader, no copy where all rows fit into one."""

from __future__ import annotations

import torch

from probrm.data.batch import Batch

_NUMBERS = 20_000_000
_LEAST = 1024


def default_batch_size(data: Batch) -> int:
    """All rows where they hold at most 20 million numbers: gradients are then exact but for one draw of the globals."""
    numbers = sum(column[0].numel() for column in data.columns.values())
    return min(len(data), max(_LEAST, _NUMBERS // max(numbers, 1)))


class Minibatches:
    """The minibatch of each step, a function of the step and the seed alone, so that a training can be taken up again.

    Each epoch is one shuffled copy, cut into contiguous slices; rows left over wait for the next epoch's shuffle. Columns in 16 bits
    (vectors that fill a GPU otherwise) become float32 in each minibatch.

    Args:
        data: all rows.
        size: of a minibatch; None for ``default_batch_size``.
        seed: of the shuffles.
    """

    def __init__(self, data: Batch, size: int | None, *, seed: int) -> None:
        self.size = min(size or default_batch_size(data), len(data))
        self._data = data.widened() if self.size == len(data) else data  # in 16 bits a large data set stays as it is
        self._seed = seed
        self._epoch: tuple[int, Batch] | None = None

    def __getitem__(self, step: int) -> Batch:
        if self.size == len(self._data):
            return self._data
        epoch, place = divmod(step, len(self._data) // self.size)
        if self._epoch is None or self._epoch[0] != epoch:
            generator = torch.Generator("cpu").manual_seed((self._seed + epoch) % 2**63)
            order = torch.randperm(len(self._data), generator=generator, device="cpu")
            self._epoch = epoch, self._data.rows(order.to(next(iter(self._data.columns.values())).device))
        return self._epoch[1].slice(place * self.size, (place + 1) * self.size).widened()
