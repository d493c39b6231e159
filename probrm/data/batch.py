"""Rows as tensors: what a model's ``forward`` takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from jaxtyping import Int
from torch import Tensor

TOGETHER = "answer"
"""A column of numbers; rows with the same one, where it is not negative, stay together in minibatches: their likelihood is no product."""


class Limits:
    """How far the integer columns of a data set go; each is looked at once, however many minibatches are cut from the set."""

    def __init__(self, columns: Mapping[str, Tensor]) -> None:
        self._columns = {name: column for name, column in columns.items() if not column.is_floating_point()}
        self._known: dict[str, int] = {}

    def __call__(self, name: str) -> int:
        """One more than the column's largest entry in the whole set."""
        if name not in self._known:
            self._known[name] = int(self._columns[name].max()) + 1
        return self._known[name]


@dataclass(frozen=True)
class Batch:
    """Named columns with one entry a row, drawn from a data set of ``total`` rows.

    A model scales its likelihood by ``total / len(batch)``, so a minibatch estimates the whole data's likelihood
    without bias. Which columns there are is the model's business.

    Attributes:
        columns: tensors whose first dimension is the row.
        total: rows of the data set that these were drawn from.
        limits: of the integer columns of that data set, at most: asking a minibatch on a GPU itself would wait for the GPU.
    """

    columns: Mapping[str, Tensor]
    total: int
    limits: Limits = field(default=None, compare=False, repr=False)  # type: ignore[assignment]

    def __post_init__(self) -> None:
        if self.limits is None:
            object.__setattr__(self, "limits", Limits(self.columns))

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
        return Batch({name: column.index_select(0, index) for name, column in self.columns.items()}, self.total, self.limits)

    def slice(self, start: int, stop: int) -> Batch:
        """A contiguous minibatch without copying."""
        return Batch({name: column[start:stop] for name, column in self.columns.items()}, self.total, self.limits)

    def joined(self, other: Batch) -> Batch:
        """These rows, and behind them those of another batch with the same columns."""
        columns = {name: torch.cat([column, other[name]]) for name, column in self.columns.items()}
        return Batch(columns, self.total + other.total)

    def subset(self, index: Int[Tensor, " b"]) -> Batch:
        """A data set of its own: these rows, standing for themselves alone."""
        return Batch(self.rows(index).columns, len(index), self.limits)

    def to(self, device: str | torch.device | None = None, dtype: torch.dtype | None = None) -> Batch:
        """Moves all columns; ``dtype`` applies to floating-point columns only."""
        columns = {name: c.to(device=device, dtype=dtype if c.is_floating_point() else None) for name, c in self.columns.items()}
        return Batch(columns, self.total, self.limits)

    def widened(self) -> Batch:
        """Floating-point columns that are kept in 16 bits, as float32: what models compute in. Others are not copied."""
        narrow = {name for name, c in self.columns.items() if c.dtype in (torch.bfloat16, torch.float16)}
        if not narrow:
            return self
        return Batch({name: c.float() if name in narrow else c for name, c in self.columns.items()}, self.total, self.limits)
