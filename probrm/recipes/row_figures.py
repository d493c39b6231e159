"""What figures of the fitted rows have in common: at most so many rows and draws, covariates as groups, fitted and held-out rows."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from probrm.data import Batch, FeatureMap
from probrm.figures.grouping import Grouping, by_level, by_quantile
from probrm.posterior import pointwise_log_likelihood
from probrm.runs.run import Run

if TYPE_CHECKING:
    from probrm.runs.fitted_rows import FittedRows

MOST_ROWS = 20_000
MOST_DRAWS = 200
"""Of the posterior, for figures of rows: the ends of a 90 % interval from as many are off by a tenth of its width."""
MOST_LEFT_OUT = 4_000
"""Rows that are predicted one without the other: a second."""
_FEW = 100
"""Draws below which importance weights have no tail to smooth."""


@dataclass(frozen=True)
class Shown:
    """The rows that figures are made of.

    Attributes:
        batch: n of them.
        draws: of the global latents, at most ``MOST_DRAWS``.
        held_out: whether the posterior has not seen a row, ``(n,)``.
        weight: ``(n,)``, positive.
        index: of the rows among all fitted ones, ``(n,)``.
        about: what to know of them, for the notes of figures.
    """

    batch: Batch
    draws: Mapping[str, Tensor]
    held_out: np.ndarray
    weight: np.ndarray
    index: np.ndarray
    about: str

    @classmethod
    def of(cls, run: Run, rows: FittedRows, most: int | None = None, draws: int = MOST_DRAWS) -> Shown:
        """All rows, or as many of them drawn at random as can be shown in time; and as many draws."""
        count, about, most = len(rows.batch), [], most or MOST_ROWS
        index = np.arange(count)
        if count > most:
            index = np.sort(np.random.default_rng(0).choice(count, most, replace=False))
            about.append(f"{most:,} of {count:,} rows, drawn at random")
        held_out = np.asarray(rows.held_out, bool)[index]
        batch = rows.batch.subset(torch.from_numpy(index))
        weight = batch["weight"].double().numpy() if "weight" in batch else np.ones(len(index))
        return cls(batch, thinned(run.draws, draws), held_out, weight, index, "; ".join(about))

    def take(self, kept: np.ndarray) -> Shown:
        """Those rows where ``kept`` is true."""
        place = np.flatnonzero(kept)
        batch = self.batch.subset(torch.from_numpy(place))
        return replace(self, batch=batch, held_out=self.held_out[place], weight=self.weight[place], index=self.index[place])


@torch.no_grad()
def left_out(run: Run, rows: FittedRows) -> tuple[Shown, np.ndarray, str]:
    """At most 4,000 rows, the probability that each was given of what was observed in it, ``(n,)``, and what to know of that.

    To rows that the posterior has not seen it is the posterior's; to the others that of the posterior without them, by PSIS-LOO. What the
    posterior itself says of a row that it has seen leans towards what was observed there, and would look underconfident.
    """
    from probrm.evaluation.loo import leave_one_out

    shown = Shown.of(run, rows, MOST_LEFT_OUT, len(next(iter(run.draws.values()))))
    density = pointwise_log_likelihood(run.model, shown.draws, shown.batch).double()
    probability = torch.logsumexp(density, 0).sub(math.log(len(density))).exp().numpy()
    seen = ~shown.held_out
    if not seen.any():
        return shown, probability, "the fit has not seen these rows"
    if len(density) < _FEW:
        return shown, probability, "the fit has seen these rows, and its predictions lean towards what was observed in them"
    counts = np.asarray(rows.counts)[shown.index][seen]
    found = leave_one_out(density.numpy()[:, seen], {k: v.numpy() for k, v in shown.draws.items()}, chains=run.chains, counts=counts)
    probability[seen] = np.exp(found.pointwise)
    about = "each row predicted without it (PSIS-LOO)"
    return shown, np.clip(probability, 0, 1), about + (f"; {found.doubtful} of them roughly, Pareto k̂ is high" if found.doubtful else "")


def thinned(draws: Mapping[str, Tensor], most: int = MOST_DRAWS) -> dict[str, Tensor]:
    """Evenly spaced draws, the same of every site."""
    count = len(next(iter(draws.values())))
    chosen = torch.from_numpy(np.linspace(0, count - 1, min(count, most)).astype(int))
    return {name: value[chosen] for name, value in draws.items()}


def covariate_groups(features: FeatureMap, columns: Tensor) -> list[Grouping]:
    """Groups of rows by each covariate, in the units of the log, from the columns that a head sees.

    Args:
        features: how the covariates became columns.
        columns: ``(n, k)``.
    """
    found, start, matrix = [], 0, columns.double().numpy()
    for covariate in features.covariates:
        if covariate.kind == "text":
            part = matrix[:, start : (start := start + len(covariate.levels))]
            names = np.array([covariate.reference, *covariate.levels])
            found.append(by_level(covariate.name, names[np.where(part.any(1), part.argmax(1) + 1 if part.shape[1] else 0, 0)]))
        else:
            column = matrix[:, start] * covariate.sd + covariate.mean
            start += 1
            flag = covariate.kind == "flag"
            found.append(
                by_level(covariate.name, np.where(column > 0.5, "yes", "no"))
                if flag
                else by_quantile(covariate.name, np.round(column, 6) + 0.0)
            )
    return found
