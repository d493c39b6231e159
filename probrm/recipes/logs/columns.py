"""Which columns of a batch a model looks at."""

from __future__ import annotations

import torch
from pyro import poutine
from torch import Tensor

from probrm.data import Batch
from probrm.inference.device import own_random_stream
from probrm.model import RewardModel

_ROWS = 100


class _Watched(dict[str, Tensor]):
    """Columns that note who was asked for."""

    def __init__(self, columns: dict[str, Tensor]) -> None:
        super().__init__(columns)
        self.read: set[str] = set()

    def __getitem__(self, name: str) -> Tensor:
        self.read.add(name)
        return super().__getitem__(name)


@torch.no_grad()
def columns_read(model: RewardModel, data: Batch) -> set[str]:
    """The columns that the generative process of ``model`` reads of the first rows of ``data``."""
    rows = data.slice(0, min(len(data), _ROWS))
    watched = _Watched(dict(rows.columns))
    with own_random_stream(0), poutine.block():
        model(Batch(watched, rows.total))
    return watched.read
