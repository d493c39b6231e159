"""The rows that a run was fitted to, read from their file again: what posterior checks and single rows are looked up in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from probrm.data.batch import Batch


@dataclass(frozen=True)
class FittedRows:
    """n rows, or pairs, in the order of the fit.

    Attributes:
        batch: what the model was given.
        ids: ``(n,)`` texts.
        texts: of each row: ``prompt`` and ``response``, or ``prompt``, ``chosen`` and ``rejected``.
        observed: what was observed by name, ``(n,)`` each, NaN where nothing was.
        constant: what else was known, ``(n, …)`` each.
        dims: names of all dimensions of those that have more than one (``{"propensity_covariates": ("row", "propensity_effect")}``).
        held_out: ``(n,)``, true of rows that the posterior has not seen; none where the fit was repeated on all rows.
        counts: ``(n,)``, by how much each row's log-likelihood was multiplied in the fit: its weight, its share among repeated pairs.
        selection: ``(n,)``, true of rows that were held out while starts and steps were chosen.
    """

    batch: Batch
    ids: np.ndarray
    texts: Sequence[Mapping[str, str]]
    observed: Mapping[str, np.ndarray]
    constant: Mapping[str, np.ndarray]
    held_out: np.ndarray
    selection: np.ndarray
    counts: np.ndarray
    dims: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True)
class RowPredictions:
    """What a posterior says of each of n rows: central 90 % intervals.

    Attributes:
        name: of the quantity, with its unit.
        mean: ``(n,)``, as the others.
        sd: standard deviation.
        low: lower end.
        high: upper end.
    """

    name: str
    mean: np.ndarray
    sd: np.ndarray
    low: np.ndarray
    high: np.ndarray


def masks(ids: np.ndarray, split: Sequence[str], refitted: bool) -> tuple[np.ndarray, np.ndarray]:
    """``held_out`` and ``selection`` of rows called ``ids``, of which ``split`` were held out at first."""
    selection = np.isin(ids.astype(str), list(split)) if split else np.zeros(len(ids), bool)
    return selection & (not refitted), selection
