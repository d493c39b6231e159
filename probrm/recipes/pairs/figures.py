"""Figures of a run on pairs: what every run has, the weights that separate responses, and the fitted pairs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from probrm.figures.entries import Entries
from probrm.figures.forest import forest
from probrm.posterior import Variable
from probrm.recipes.run_figures import common_figures
from probrm.runs.run import Run

if TYPE_CHECKING:
    from probrm.runs.fitted_rows import FittedRows

_MOST = 30


def figures(
    run: Run,
    rows: FittedRows | None = None,
    *,
    units: Mapping[str, str] | None = None,
    first: Sequence[str] = (),
    weights: Mapping[str, str] | None = None,
) -> dict[str, Figure]:
    """Matplotlib figures by file stem; made without pyplot, so nothing global changes.

    Args:
        run: fitted.
        rows: the pairs it was fitted to, read again; without them there are no figures of pairs.
        units: of single quantities, by name.
        first: quantities that the figure of weak directions has in any case.
        weights: sites of weights over the features, with their titles.
    """
    made = common_figures(run, "pair", units=units, first=first, chance=True)
    table = run.summary()
    for name, what in (weights or {}).items():
        if name in table:
            made[name] = _farthest(table[name], what)
    if rows is not None:
        from probrm.recipes.pairs.row_figures import pair_row_figures

        made |= pair_row_figures(run, rows)
    return made


def _farthest(variable: Variable, what: str) -> Figure:
    """Those farthest from zero, in units of their standard deviation."""
    entries = Entries.of(variable)
    distance = np.abs(entries.mean) / np.maximum(np.asarray(variable.sd).ravel(), 1e-12)
    order = np.argsort(-distance, kind="stable")[:_MOST]
    title = f"{what} farthest from zero, in units of their standard deviation ({len(order)} of {len(entries)})"
    return forest(entries.take(order), title, "logit a unit of the feature")
