"""Figures of the pairs that a model of pairs was fitted to.

The chosen response stands first in every pair, so how often it is chosen says nothing. What can fail is how often the response that the
model favours, or the longer one, is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from matplotlib.figure import Figure

from probrm.figures.calibration import calibration
from probrm.figures.grouping import by_quantile
from probrm.figures.predictive import predictive_check
from probrm.inference.device import own_random_stream
from probrm.runs.run import Run
from probrm_models.pair_model import PairModel
from probrm_models.row_figures import Shown

if TYPE_CHECKING:
    from probrm.runs.fitted_rows import FittedRows


@torch.no_grad()
def pair_row_figures(run: Run, rows: FittedRows) -> dict[str, Figure]:
    """Posterior predictive check and calibration, by file stem; ties are left out."""
    model = run.model
    assert isinstance(model, PairModel)
    every = Shown.of(run, rows)
    shown = every.take((every.batch["outcome"] == 1).numpy())
    if not len(shown.batch):
        return {}
    with own_random_stream(run.config["seed"]):
        p = model.difference(shown.draws, shown.batch).sigmoid()
        replicates = torch.bernoulli(p).double().numpy()
    mean = p.double().mean(0).numpy()
    favoured = mean > 0.5
    confidence, hit = np.where(favoured, mean, 1 - mean), favoured.astype(float)
    made = {
        "calibration": calibration(
            shown.panels(confidence, hit),
            predicted="predicted probability of the favoured response",
            observed="share in which it was chosen",
            about=shown.about,
            start=0.5,
        )
    }
    lengths = np.array([[len(rows.texts[i][side]) for side in ("chosen", "rejected")] for i in shown.index], float)
    gap = lengths[:, 0] - lengths[:, 1]
    checks = {
        "posterior_predictive": (by_quantile("confidence of the prediction", np.round(confidence, 3)), favoured, "the favoured response"),
        "posterior_predictive_length": (
            by_quantile("difference of the lengths, characters", np.where(gap == 0, np.nan, np.abs(gap))),
            gap > 0,
            "the longer response",
        ),
    }
    figures = {
        stem: predictive_check(
            [grouping],
            np.where(grouping.index < 0, np.nan, first.astype(float)),
            np.where(first, replicates, 1 - replicates),
            shown.weight,
            what=f"share of pairs in which {what} was chosen",
            about=shown.about,
        )
        for stem, (grouping, first, what) in checks.items()
    }
    return {name: figure for name, figure in (made | figures).items() if figure is not None}
