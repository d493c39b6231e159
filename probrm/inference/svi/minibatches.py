"""Minibatches cut from tensors in memory: no loader, no copy where all rows fit into one."""

from __future__ import annotations

import torch

from probrm.data.batch import Batch

_NUMBERS = 20_000_000
_LEAST = 1024


def default_batch_size(data: Batch) -> int:
    """All rows where they hold at most 20 million numbers: gradients are then exact but for one draw of the globals.

    Else as few minibatches as there must be, of equal size.
    """
    most = max(_LEAST, _NUMBERS * len(data) // max(data.numbers, 1))
    return len(data) // -(-len(data) // most)


class Minibatches:
    """The minibatch of each step, a function of the step and the seed alone, so that a training can be taken up again.

    All rows are shuffled once, and the first ones stand once more behind the last. An epoch cuts them into contiguous slices, from a random
    row on and round the end, and takes the slices in random order: nothing is copied, and rows left over are others in each epoch. A shuffle
    an epoch would cost several times the steps themselves where these are a few matrix products. Columns in 16 bits
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
        self._shuffled: Batch | None = None
        self._epoch, self._starts = -1, []

    def __getitem__(self, step: int) -> Batch:
        n = len(self._data)
        if self.size == n:
            return self._data
        if self._shuffled is None:
            order = torch.randperm(n, generator=self._generator(0), device="cpu")
            order = torch.cat([order, order[: self.size]])
            self._shuffled = self._data.rows(order.to(next(iter(self._data.columns.values())).device))
        epoch, place = divmod(step, n // self.size)
        if epoch != self._epoch:
            generator, self._epoch = self._generator(epoch + 1), epoch
            first = int(torch.randint(n, (), generator=generator, device="cpu"))
            turns = torch.randperm(n // self.size, generator=generator, device="cpu")
            self._starts = ((first + turns * self.size) % n).tolist()
        start = self._starts[place]
        return self._shuffled.slice(start, start + self.size).widened()

    def _generator(self, number: int) -> torch.Generator:
        return torch.Generator("cpu").manual_seed((self._seed + number) % 2**63)
