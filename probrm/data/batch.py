"""Rows as tensors: what a model's ``forward`` takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Tensor


@dataclass(frozen=True)
class Batch:
    """Named columns with one entry a row, drawn from a data set of ``total`` rows.

    A model scales its likelihood by ``total / len(batch)``, so a minibatch estimates the whole data's likelihood
    without bias. Which columns there are is the model's business.

    Attributes:
        columns: tensors whose first dimension is the row.
        total: rows of the data set that these were drawn from.
    """

    columns: Mapping[str, Tensor]
    total: int

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    def __getitem__(self, name: str) -> Tensor:
        return self.columns[name]

    def __contains__(self, name: str) -> bool:
        return name in self.columns

    @property
    def numbers(self) -> int:
        """Entries of all columns together."""
        return sum(column.numel() for column in self.columns.values())

    @property
    def scale(self) -> float:
        """``total / len``: the weight of one row of this batch in the likelihood of the whole."""
        return self.total / len(self)

    def rows(self, index: Int[Tensor, " b"]) -> Batch:
        """A minibatch: these rows, standing for the same ``total``."""
        return Batch({name: column.index_select(0, index) for name, column in self.columns.items()}, self.total)

    def slice(self, start: int, stop: int) -> Batch:
        """A contiguous minibatch without copying."""
        return Batch({name: column[start:stop] for name, column in self.columns.items()}, self.total)

    def subset(self, index: Int[Tensor, " b"]) -> Batch:
        """A data set of its own: these rows, standing for themselves alone."""
        return Batch(self.rows(index).columns, len(index))

    def to(self, device: str | torch.device | None = None, dtype: torch.dtype | None = None) -> Batch:
        """Moves all columns; ``dtype`` applies to floating-point columns only."""
        return Batch(
            {name: c.to(device=device, dtype=dtype if c.is_floating_point() else None) for name, c in self.columns.items()}, self.total
        )
