"""Simulation-based calibration: is the posterior, averaged over the prior, the prior again?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from scipy import stats

from probrm.errors import DataError

Array = np.ndarray
_BINS = 20
_A_BIN = 5
"""Ranks that a bin is expected to have at least: where Pearson's χ² is close to χ²."""


def rank(truth: float | Float[Array, "*k"], draws: Float[Array, " s *k"], thin: int = 1) -> Int[Array, "*k"]:
    """How many of the draws are below the truth: uniform on 0 … L where the posterior is right (Talts et al. 2018, arXiv 1804.06788).

    Args:
        truth: of the quantity, drawn from the prior.
        draws: of its posterior given data drawn from that truth.
        thin: every so many draws are counted, from the last one backwards: draws of a Markov chain hang together, and
            then ranks pile up at both ends of the histogram of a posterior that is right.

    Returns:
        A whole number from 0 to L = ``ceil(s / thin)``.

    Raises:
        DataError: numbers that are missing, or a thinning below 1.
    """
    truth, draws = np.asarray(truth, dtype=np.float64), np.asarray(draws, dtype=np.float64)
    if thin < 1 or not len(draws) or np.isnan(truth).any() or np.isnan(draws).any():
        raise DataError(
            f"a rank among {len(draws)} draws thinned by {thin}: there must be at least one of each, and no number may be missing",
            fix="look at why the fit gave no number",
        )
    return (draws[::-1][::thin] < truth).sum(0)


@dataclass(frozen=True)
class Uniformity:
    """How far ranks are from uniform.

    Attributes:
        chi2: p-value of Pearson's χ² over bins: sees ranks that pile up anywhere.
        ecdf: p-value of the largest distance of the empirical distribution from the uniform one: sees displacements.
        p: of both together (Bonferroni).
    """

    chi2: float
    ecdf: float
    p: float


@dataclass(frozen=True)
class Ranks:
    """Ranks of several quantities over independent simulations.

    Add quantities that depend on the data, above all the likelihood: ranks of parameters alone are uniform for a posterior that
    has seen no data too (Modrák et al. 2023, arXiv 2211.02383).

    Attributes:
        most: L, the largest rank there can be.
        values: ``(simulations,)`` by quantity. Ranks in one simulation depend on each other, so no test pools quantities.
    """

    most: int
    values: Mapping[str, Int[Array, " n"]]

    def __post_init__(self) -> None:
        for name, ranks in self.values.items():
            if not len(ranks) or ranks.min() < 0 or ranks.max() > self.most:
                raise DataError(f"ranks of {name}: there must be some, from 0 to {self.most}", fix="rank all among equally many draws")

    def uniformity(self) -> dict[str, Uniformity]:
        """Both tests of each quantity."""
        return {name: uniformity(ranks, self.most) for name, ranks in self.values.items()}

    def p(self) -> float:
        """That all are uniform (Bonferroni over the quantities)."""
        found = self.uniformity()
        return min(1.0, len(found) * min(one.p for one in found.values()))

    def to_dict(self) -> dict[str, Any]:
        """For JSON; see ``from_dict``."""
        return {"most": self.most, "values": {name: np.asarray(ranks).tolist() for name, ranks in self.values.items()}}

    @classmethod
    def from_dict(cls, saved: Mapping[str, Any]) -> Ranks:
        """From JSON."""
        return cls(int(saved["most"]), {name: np.asarray(ranks, dtype=np.int64) for name, ranks in saved["values"].items()})


def bin_counts(ranks: Int[Array, " n"], most: int, bins: int | None = None) -> tuple[Int[Array, " b"], Float[Array, " b"]]:
    """Ranks in each bin, and how many are expected; None takes as many bins, from 2 to 20, as are expected to have 5 ranks each."""
    if bins is None:
        places = -(-_A_BIN * (most + 1) // len(ranks))  # a bin has at least so many possible ranks
        bins = max(2, min(_BINS, (most + 1) // places))
    place = np.arange(most + 1) * bins // (most + 1)  # bins may differ by one possible rank
    width = np.bincount(place, minlength=bins)
    return np.bincount(place[ranks], minlength=bins), len(ranks) * width / (most + 1)


def uniformity(ranks: Int[Array, " n"], most: int) -> Uniformity:
    """Tests that ranks are uniform on 0 … ``most``.

    For the second, a rank is spread evenly over its place, ``(rank + v) / (most + 1)`` with v uniform: exactly uniform under
    the hypothesis, so the law of Kolmogorov's distance holds (Säilynoja, Bürkner & Vehtari 2022, arXiv 2103.10522, on ECDFs of ranks).
    v comes from a fixed seed: the same ranks give the same p.
    """
    ranks = np.asarray(ranks)
    counts, expected = bin_counts(ranks, most)
    chi2 = float(stats.chi2.sf(np.sum((counts - expected) ** 2 / expected), len(counts) - 1))
    spread = (ranks + np.random.default_rng(0).random(len(ranks))) / (most + 1)
    ecdf = float(stats.kstest(spread, "uniform").pvalue)
    return Uniformity(chi2, ecdf, min(1.0, 2 * min(chi2, ecdf)))
