"""Rows of a fit made by hand: what a recipe reads from the fitted file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from probrm.data.batch import Batch


@dataclass
class Rows:
    """Has the attributes of ``FittedRowsLike``."""

    batch: Batch
    ids: np.ndarray
    observed: Mapping[str, np.ndarray]
    constant: Mapping[str, np.ndarray] = field(default_factory=dict)
    dims: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    held_out: Any = None


def make_rows(batch: Batch, observed: Sequence[str], *, ids: Sequence[Any] | None = None, **rest: Any) -> Rows:
    """All of a batch's rows, called r0, r1, … unless ``ids`` says otherwise."""
    names = np.array([f"r{i}" for i in range(len(batch))] if ids is None else ids, dtype=object)
    held_out = rest.pop("held_out", np.zeros(len(batch), dtype=bool))
    return Rows(batch, names, {name: batch[name].numpy() for name in observed}, held_out=held_out, **rest)
