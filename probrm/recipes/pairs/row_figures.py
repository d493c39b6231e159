"""Figures of the pairs that a model of pairs was fitted to.

The chosen response stands first in every pair, so how often it is chosen says nothing. What can fail is how often the response that the
model favours without having seen the pair, or the longer one, is.
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
from probrm.recipes.pairs.model import PairModel
from probrm.recipes.row_figures import Shown, left_out
from probrm.runs.run import Run

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
        p = model.probability(model.difference(shown.draws, shown.batch), shown.draws)
        replicates = torch.bernoulli(p).double().numpy()
    lengths = np.array([[len(rows.texts[i][side]) for side in ("chosen", "rejected")] for i in shown.index], float)
    gap = lengths[:, 0] - lengths[:, 1]
    grouping, first = by_quantile("difference of the lengths, characters", np.where(gap == 0, np.nan, np.abs(gap))), gap > 0
    check = predictive_check(
        [grouping],
        np.where(grouping.index < 0, np.nan, first.astype(float)),
        np.where(first, replicates, 1 - replicates),
        shown.weight,
        what="share of pairs in which the longer response was chosen",
        about=shown.about,
    )
    made = {"calibration": pair_calibration(run, rows), "posterior_predictive": check}
    return {name: figure for name, figure in made.items() if figure is not None}


def pair_calibration(run: Run, rows: FittedRows) -> Figure | None:
    """How often the favoured response was chosen, each pair predicted from the others; None of a model that knows ties."""
    if len(run.model.support()) > 2:  # left out, a pair gives the probability of what it was; not what is left beside a tie
        return None
    shown, given, how = left_out(run, rows)
    won = (shown.batch["outcome"] == 1).numpy()
    p = given[won]
    favoured = p > 0.5
    panels = {"pairs": (np.where(favoured, p, 1 - p), favoured.astype(float), shown.weight[won])}
    about = "; ".join(part for part in (how, shown.about) if part)
    predicted, observed = "predicted probability of the favoured response", "share in which it was chosen"
    return calibration(panels, predicted=predicted, observed=observed, about=about, start=0.5)
