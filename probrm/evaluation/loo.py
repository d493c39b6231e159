"""PSIS-LOO: how well a fit predicts each of its own rows from all the others, without fitting again.

Vehtari, Gelman & Gabry 2017 (https://arxiv.org/abs/1507.04544); Pareto smoothing from Vehtari et al. 2024
(https://arxiv.org/abs/1507.02646); weights by stacking from Yao et al. 2018 (https://arxiv.org/abs/1704.02030). The numbers are ArviZ's.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Float
from scipy.stats import norm

from probrm.posterior import LEVEL, to_arviz

SMALL = 4.0
"""Nats of difference below which its standard error is unreliable (Sivula et al. 2020, https://arxiv.org/abs/2008.10296)."""


@dataclass(frozen=True)
class LeaveOneOut:
    """A run's leave-one-out predictive density on m of the n rows that it was fitted to.

    Attributes:
        pointwise: ``(m,)`` ``log p(y_i | all rows but i)``, nats.
        pareto_k: ``(m,)`` shape of the tail of row i's importance ratios.
        threshold: of ``pareto_k``, ``min(1 − 1/log10(draws), 0.7)``: above it the row's estimate rests on a few draws.
        p_loo: effective number of parameters, of all n rows.
        rows: n.
        data: ArviZ's own object, of the m rows.
    """

    pointwise: Float[np.ndarray, " m"]
    pareto_k: Float[np.ndarray, " m"]
    threshold: float
    p_loo: float
    rows: int
    data: Any = field(repr=False, compare=False, default=None)

    @property
    def per_row(self) -> float:
        """Nats a row."""
        return float(self.pointwise.mean())

    @property
    def elpd(self) -> float:
        """Nats, of all n rows: where they were not all used, scaled from those that were."""
        return self.per_row * self.rows

    @property
    def se(self) -> float:
        """Standard error of ``elpd``: from row to row."""
        return _se(self.pointwise, self.rows)

    @property
    def doubtful(self) -> int:
        """Rows, of the m, with ``pareto_k`` above the threshold."""
        return int((self.pareto_k > self.threshold).sum())


@dataclass(frozen=True)
class Change:
    """A difference of two runs' ``elpd`` on the same rows, in nats of all n rows, with its standard error."""

    value: float
    se: float

    def verdict(self) -> str:
        """``better`` or ``worse`` where zero is outside the 90 % interval and the difference is not too small to tell."""
        if abs(self.value) < max(SMALL, float(norm.ppf((1 + LEVEL) / 2)) * self.se):
            return "unclear"
        return "better" if self.value > 0 else "worse"


def leave_one_out(
    log_likelihood: Float[np.ndarray, "s m"],
    draws: Mapping[str, np.ndarray],
    *,
    chains: int = 1,
    rows: int | None = None,
    counts: Float[np.ndarray, " m"] | None = None,
) -> LeaveOneOut:
    """PSIS-LOO of m rows.

    Args:
        log_likelihood: of each draw and row, row-local latents summed out.
        draws: ``(s, *shape)`` by site, chain after chain; several chains give the effective number of draws.
        chains: that the draws are of.
        rows: n, where the m rows are a random subsample of as many.
        counts: by how much each row's log-likelihood was multiplied in the posterior; None for 1. What is taken out of it is as much;
            what is predicted is one row.

    Raises:
        ValueError: fewer than two draws, or chains of unequal length.
    """
    import arviz
    import xarray

    s, m = log_likelihood.shape
    if s < 2 or s % chains:
        raise ValueError(f"{s} draws in {chains} chains: leave-one-out needs two draws or more, in chains of equal length")

    def sampled(x: np.ndarray, *names: str) -> tuple[tuple[str, ...], np.ndarray]:
        return ("chain", "draw", *names), x.reshape(chains, len(x) // chains, *x.shape[1:])

    posterior = {name: sampled(x, *(f"{name}_dim_{i}" for i in range(x.ndim - 1))) for name, x in draws.items()}
    groups = {
        "posterior": xarray.Dataset(posterior),
        "log_likelihood": xarray.Dataset({"y": sampled(np.asarray(log_likelihood, dtype=np.float64), "row")}),
    }
    with _quiet():
        found: Any = arviz.loo(to_arviz(groups), pointwise=True)
    total = rows or m
    pointwise, pareto_k = getattr(found, "elpd_i" if hasattr(found, "elpd_i") else "loo_i").values, found.pareto_k.values
    p_loo = float(found.p if hasattr(found, "p") else found.p_loo)
    other = np.flatnonzero(np.ones(m) != 1 if counts is None else np.asarray(counts) != 1)
    for i in other:  # in ArviZ's own object, too: stacking reads it there
        before = float(pointwise.flat[i])
        pointwise.flat[i], pareto_k.flat[i] = _without(np.asarray(log_likelihood[:, i], np.float64), float(np.asarray(counts)[i]))
        p_loo += before - float(pointwise.flat[i])
    each = [np.array(x, dtype=np.float64).ravel() for x in (pointwise, pareto_k)]
    return LeaveOneOut(each[0], each[1], float(found.good_k), p_loo * total / m, total, found)


def _without(log_likelihood: Float[np.ndarray, " s"], count: float) -> tuple[float, float]:
    """``log p(y_i | the others)`` where the row entered the posterior as ``p(y_i | θ)^count``, and k̂ of those ratios."""
    from probrm.diagnostics.approximation import smooth

    ratios, k_hat = smooth(-count * log_likelihood)
    return float(np.logaddexp.reduce(ratios + log_likelihood) - np.logaddexp.reduce(ratios)), k_hat


def difference_in_loo(one: LeaveOneOut, base: LeaveOneOut) -> Change:
    """How much better ``one`` predicts the rows than ``base``: paired, row by row.

    Raises:
        ValueError: not the same number of rows.
    """
    if one.pointwise.shape != base.pointwise.shape or one.rows != base.rows:
        raise ValueError(f"{len(one.pointwise)} of {one.rows} rows and {len(base.pointwise)} of {base.rows}: not the same rows")
    change = one.pointwise - base.pointwise
    return Change(float(change.mean()) * one.rows, _se(change, one.rows))


def stacking_weights(found: Mapping[str, LeaveOneOut]) -> dict[str, float]:
    """The mixture of the runs' predictive distributions that predicts rows best: a weight each, 1 together."""
    import arviz

    if len(found) < 2:
        return dict.fromkeys(found, 1.0)
    numbered = {str(i): one.data for i, one in enumerate(found.values())}
    rounding: dict[str, Any] = {} if int(arviz.__version__.split(".")[0]) < 1 else {"round_to": "none"}
    with _quiet():
        table: Any = arviz.compare(numbered, method="stacking", **rounding)
    return {name: float(table.loc[str(i), "weight"]) for i, name in enumerate(found)}


def _se(pointwise: np.ndarray, rows: int) -> float:
    return rows * float(pointwise.std()) / math.sqrt(len(pointwise))


@contextmanager
def _quiet() -> Iterator[None]:
    """What ArviZ warns of, rows with a heavy tail, is counted here; of pandas' changes it is to hear itself."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
