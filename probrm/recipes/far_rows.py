"""Whether answers that are scored lie where the run was fitted."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from probrm.data import Batch
from probrm.diagnostics.distance import REACH, reach, squared_distances
from probrm.runs.run import Run

_SIDES = ("embedding", "response", "chosen", "rejected")
"""Columns of standardised vectors, in batches of every kind."""
SHARE, LEAST = 0.1, 3
"""A note is made where more than a tenth of the rows, and three at least, are far: of rows like those of the fit 1 in 100 is."""


def fitted_reach(data: Batch) -> dict[str, float]:
    """``distance_99`` for the run's diagnostics, see ``reach``; nothing where the batch has no vectors."""
    sides = [data[name] for name in _SIDES if name in data]
    return {"distance_99": reach(torch.cat(sides))} if sides and len(data) else {}


def far_note(run: Run, batch: Batch) -> list[str]:
    """One sentence where a sizeable share of the rows is far from the answers of the fit; nothing for runs of before this was kept."""
    limit: Any = run.metrics.get("diagnostics", {}).get("distance_99")
    sides = [squared_distances(batch[name]) for name in _SIDES if name in batch]
    if limit is None or not sides:
        return []
    far = int((np.max(sides, axis=0) > limit).sum())
    if far < LEAST or far <= SHARE * len(batch):
        return []
    return [
        f"{far} of {len(batch)} rows are farther from the answers of the fit than {REACH:.0%} of those are (squared distance above {limit:.2f}; "
        "about 1 in 100 would be by chance): their rewards are extrapolated; compare the files (probrm drift), and label some of "
        "these rows (probrm acquire)"
    ]
