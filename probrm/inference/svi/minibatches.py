"""Minibatches cut from tensors in memory: no loader, no copy where all rows fit into one."""

from __future__ import annotations

import torch
from torch import Tensor

from probrm.data.batch import TOGETHER, Batch

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
    (vectors that fill a GPU otherwise) become float32 in each minibatch. Rows that belong together (``TOGETHER``) are shuffled as one, and slices
    end where such rows do.

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
        self._edges: Tensor | None = None
        self._epoch, self._starts = -1, []

    def __getitem__(self, step: int) -> Batch:
        n = len(self._data)
        if self.size == n:
            return self._data
        if self._shuffled is None:
            order, self._edges = self._order()
            self._shuffled = self._data.rows(order.to(next(iter(self._data.columns.values())).device))
        epoch, place = divmod(step, n // self.size)
        if epoch != self._epoch:
            generator, self._epoch = self._generator(epoch + 1), epoch
            first = int(torch.randint(n, (), generator=generator, device="cpu"))
            turns = torch.randperm(n // self.size, generator=generator, device="cpu")
            self._starts = ((first + turns * self.size) % n).tolist()
        start, stop = self._starts[place], self._starts[place] + self.size
        if self._edges is not None:
            start = self._edge(start)
            stop = max(self._edge(stop), self._edge(start + 1))
        return self._shuffled.slice(start, stop).widened()

    def _order(self) -> tuple[Tensor, Tensor | None]:
        """All rows shuffled, then the first ones again; and where rows that belong together begin, if there are such."""
        n, generator = len(self._data), self._generator(0)
        column = self._data.columns.get(TOGETHER)
        if column is None or not bool((column >= 0).any()):
            order = torch.randperm(n, generator=generator, device="cpu")
            return torch.cat([order, order[: self.size]]), None
        column = column.cpu()
        alone = int(column.max()) + 1 + torch.arange(n)
        group = torch.where(column >= 0, column, alone)
        order = torch.randperm(int(group.max()) + 1, generator=generator, device="cpu")[group].argsort(stable=True)
        begins = torch.cat([torch.ones(1, dtype=torch.bool), group[order].diff() != 0]).nonzero()[:, 0]
        longest = int(torch.cat([begins, torch.tensor([n])]).diff().max())
        twice = torch.cat([order, order[: self.size + 2 * longest]])
        return twice, torch.cat([begins, begins + n])

    def _edge(self, row: int) -> int:
        """The first row from this one on that belongs to none before it."""
        assert self._edges is not None
        return int(self._edges[torch.searchsorted(self._edges, row)])

    def _generator(self, number: int) -> torch.Generator:
        return torch.Generator("cpu").manual_seed((self._seed + number) % 2**63)
