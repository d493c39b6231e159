"""What is evaluated: rows with a known binary outcome (``Sample``), and what one model says about them (``Predictions``)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from probrm.errors import DataError

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]


@dataclass(frozen=True)
class Sample:
    """``n`` rows whose outcome is known; build with :meth:`of`, which checks and converts.

    Attributes:
        truth: (n,) 0 or 1.
        weight: (n,) positive weights.
        clusters: (n,) codes 0..k-1 of the units that the bootstrap draws.
        groups: (n,) codes 0..m-1 of the prompts within which pairs are formed, or None.
        true_probability: (n,) probabilities that the truth was drawn from (NaN where unknown), or None.
        unit: what a cluster is, in words, for messages: "prompts" or "rows".
        repeats: how many rows tell of one observation (2 where a pair stands there both ways round).
    """

    truth: Floats
    weight: Floats
    clusters: Codes
    groups: Codes | None
    true_probability: Floats | None
    unit: str = "rows"
    repeats: int = 1

    @classmethod
    def of(
        cls,
        truth: ArrayLike,
        *,
        groups: ArrayLike | Sequence[object] | None = None,
        clusters: ArrayLike | Sequence[object] | None = None,
        weight: ArrayLike | None = None,
        true_probability: ArrayLike | None = None,
        unit: str = "prompts",
    ) -> Sample:
        """Checks and converts.

        Args:
            truth: (n,) outcomes, 0 or 1 (bool counts).
            groups: (n,) ids of prompts, of any hashable type. They are also what the bootstrap draws, unless ``clusters`` says otherwise.
            clusters: (n,) ids of the units that are independent of each other, where these are larger than ``groups``.
            weight: (n,) positive and finite; ones by default.
            true_probability: (n,) in [0, 1], NaN where unknown.
            unit: the plural noun for a cluster in messages, where there are clusters.

        Raises:
            DataError: no rows; a truth other than 0 or 1, a weight that is not positive and finite, or a true
                probability outside [0, 1] (rows counted from 1).
            ValueError: lengths differ, or a group is spread over several clusters.
        """
        values = _floats("truth", truth)
        n = values.size
        if n == 0:
            raise DataError("there are no rows with a known truth to evaluate on", fix="give a file whose label column holds 0 and 1")
        _check("truth", values, np.isin(values, (0.0, 1.0)), "0 and 1")
        weights = np.ones(n) if weight is None else _floats("weight", weight, n)
        _check("weight", weights, np.isfinite(weights) & (weights > 0), "positive finite numbers")
        true = None if true_probability is None else _floats("true_probability", true_probability, n)
        if true is not None:
            _check("true_probability", true, np.isnan(true) | ((true >= 0) & (true <= 1)), "numbers from 0 to 1, or missing")
        group_codes = None if groups is None else _codes("groups", groups, n)
        cluster_codes = group_codes if clusters is None else _codes("clusters", clusters, n)
        if cluster_codes is None:
            return cls(values, weights, np.arange(n), None, true, "rows")
        if group_codes is not None and clusters is not None:
            home = np.zeros(group_codes.max() + 1, dtype=np.int64)
            home[group_codes] = cluster_codes
            if np.any(home[group_codes] != cluster_codes):
                raise ValueError("a group is spread over several clusters; every group must lie within one")
        return cls(values, weights, cluster_codes, group_codes, true, unit)

    @property
    def rows(self) -> int:
        """The number of rows n."""
        return self.truth.size

    @property
    def observations(self) -> int:
        """The number of observations that the rows tell of."""
        return self.rows // self.repeats

    @property
    def n_clusters(self) -> int:
        """The number of units that the bootstrap draws from."""
        return int(self.clusters.max()) + 1


@dataclass(frozen=True)
class Predictions:
    """What one model says about the rows of a :class:`Sample`; build with :meth:`of`.

    Attributes:
        probability: (n,) posterior mean of the probability that the outcome is 1.
        score: (n,) what rows are ranked by (a reward, in any unit).
        low: (n,) lower bound of the interval of the probability, or None.
        high: (n,) upper bound, or None.
    """

    probability: Floats
    score: Floats
    low: Floats | None = None
    high: Floats | None = None

    @classmethod
    def of(
        cls, probability: ArrayLike, *, score: ArrayLike | None = None, low: ArrayLike | None = None, high: ArrayLike | None = None
    ) -> Predictions:
        """Checks and converts; ``score`` defaults to the probability.

        Raises:
            DataError: a probability or bound outside [0, 1], a score that is not finite, or bounds the wrong way round.
            ValueError: lengths differ, or only one of the two bounds is given.
        """
        values = _floats("probability", probability)
        n = values.size
        _check("probability", values, (values >= 0) & (values <= 1), "numbers from 0 to 1")
        ranks = values if score is None else _floats("score", score, n)
        _check("score", ranks, np.isfinite(ranks), "finite numbers")
        if (low is None) != (high is None):
            raise ValueError("give both bounds of the probability or neither")
        if low is None or high is None:
            return cls(values, ranks)
        lower, upper = _floats("probability_low", low, n), _floats("probability_high", high, n)
        _check("probability_low", lower, (lower >= 0) & (lower <= 1), "numbers from 0 to 1")
        _check("probability_high", upper, (upper >= lower) & (upper <= 1), "numbers from the lower bound to 1")
        return cls(values, ranks, lower, upper)


def _floats(name: str, values: ArrayLike, n: int | None = None) -> Floats:
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1 or (n is not None and array.size != n):
        raise ValueError(f"{name} has shape {array.shape}; expected {'(n,)' if n is None else (n,)}")
    return array


def _check(name: str, values: Floats, good: NDArray[np.bool_], allowed: str) -> None:
    if good.all():
        return
    row = int(np.argmin(good))
    raise DataError(
        f"evaluation, row {row + 1}, '{name}': found {values[row]:g} ({int((~good).sum())} such rows); allowed: {allowed}",
        fix=f"correct these rows of '{name}' or leave them out",
    )


def _codes(name: str, ids: ArrayLike | Sequence[object], n: int) -> Codes:
    # Not np.unique: it sorts, and ids of mixed types have no order.
    # Not np.asarray: prompts in the chat form are tuples, which it takes for rows of a matrix.
    values = pd.Series(list(cast("Sequence[object]", ids)), dtype=object)
    if values.size != n:
        raise ValueError(f"{name} has {values.size} entries; expected {n}")
    codes, _ = pd.factorize(values, use_na_sentinel=False)
    return codes.astype(np.int64)
