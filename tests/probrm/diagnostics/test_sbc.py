"""Ranks and the tests of their uniformity, on conjugate normal posteriors."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from probrm.diagnostics import Ranks, rank, uniformity
from probrm.diagnostics.sbc import bin_counts
from probrm.errors import DataError

MOST = 99


def normal_ranks(seed: int, simulations: int = 200, width: float = 1.0, shift: float = 0.0) -> np.ndarray:
    """θ ~ N(0, 1), one observation N(θ, 1): the posterior is N(y/2, 1/2), here widened and shifted."""
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=simulations)
    seen = truth + rng.normal(size=simulations)
    sd = np.sqrt(0.5)
    draws = seen / 2 + sd * (shift + width * rng.normal(size=(MOST, simulations)))
    return rank(truth, draws)


def test_ranks_by_hand() -> None:
    assert int(rank(0.5, np.array([0.0, 1.0, 0.2, 0.9]))) == 2
    assert rank(np.array([-1.0, 2.0]), np.array([[0.0, 0.0], [1.0, 1.0], [2.0, 3.0]])).tolist() == [0, 2]
    assert int(rank(10.0, np.arange(7.0), thin=3)) == 3
    assert int(rank(4.5, np.arange(7.0), thin=3)) == 2  # 6, 3 and 0 are kept


def test_false_alarms_of_a_right_posterior() -> None:
    """Level .05 in 400 sets of 200 simulations: measured 16 to 20 in five lots; the bound is what 5 % exceeds once in a thousand."""
    alarms = sum(uniformity(normal_ranks(seed), MOST).p < 0.05 for seed in range(400))
    assert alarms <= stats.binom.ppf(0.999, 400, 0.05)


def test_each_p_is_uniform_under_the_hypothesis() -> None:
    """400 sets, Kolmogorov's p above .001: neither test is timid."""
    found = [uniformity(normal_ranks(1000 + seed), MOST) for seed in range(400)]
    assert stats.kstest([one.ecdf for one in found], "uniform").pvalue > 0.001
    assert stats.kstest([one.chi2 for one in found], "uniform").pvalue > 0.001


@pytest.mark.parametrize(
    ("simulations", "wrong"),
    [
        (60, {"width": 0.5}),
        (60, {"width": 2.0}),
        (60, {"shift": 0.75}),
        (60, {"shift": -0.75}),
        (200, {"width": 0.6}),
        (200, {"width": 1.7}),
        (200, {"shift": 0.5}),
        (200, {"shift": -0.5}),
    ],
)
def test_a_biased_posterior_is_found(simulations: int, wrong: dict[str, float]) -> None:
    """In at least 18 of 20 sets at level .01; half a standard deviation is found in 60 simulations only two times in three."""
    assert sum(uniformity(normal_ranks(seed, simulations, **wrong), MOST).p < 0.01 for seed in range(20)) >= 18


def test_chi2_against_scipy() -> None:
    ranks = normal_ranks(3)
    counts, expected = bin_counts(ranks, MOST)
    assert expected.tolist() == [10.0] * 20
    assert counts.tolist() == np.histogram(ranks, 20, (-0.5, 99.5))[0].tolist()
    assert uniformity(ranks, MOST).chi2 == pytest.approx(stats.chisquare(counts).pvalue)


@pytest.mark.parametrize(("most", "simulations"), [(99, 60), (37, 100), (3, 500), (1, 30), (99, 17)])
def test_bins_hold_all_possible_ranks(most: int, simulations: int) -> None:
    counts, expected = bin_counts(np.arange(simulations) % (most + 1), most)
    assert counts.sum() == simulations
    assert expected.sum() == pytest.approx(simulations)
    assert expected.min() >= 5


def test_a_posterior_that_learnt_nothing_is_seen_in_the_likelihood_alone() -> None:
    """Draws from the prior: ranks of θ are uniform, those of the likelihood are not (Modrák et al. 2023)."""
    rng = np.random.default_rng(0)
    truth = rng.normal(size=300)
    seen, draws = truth + 0.5 * rng.normal(size=300), rng.normal(size=(MOST, 300))
    found = Ranks(MOST, {"θ": rank(truth, draws), "likelihood": rank(-((seen - truth) ** 2), -((seen - draws) ** 2))}).uniformity()
    assert found["θ"].p > 0.01
    assert found["likelihood"].p < 1e-6


def test_all_together() -> None:
    ranks = Ranks(MOST, {"good": normal_ranks(0), "bad": normal_ranks(0, width=0.5)})
    found = ranks.uniformity()
    assert ranks.p() == pytest.approx(2 * found["bad"].p)
    again = Ranks.from_dict(ranks.to_dict())
    assert again.most == MOST
    assert all(np.array_equal(again.values[name], ranks.values[name]) for name in ranks.values)


def test_what_is_no_rank() -> None:
    with pytest.raises(DataError, match="from 0 to 99"):
        Ranks(MOST, {"x": np.array([0, 100])})
    with pytest.raises(DataError, match="from 0 to 99"):
        Ranks(MOST, {"x": np.array([], dtype=int)})
    with pytest.raises(DataError, match="missing"):
        rank(0.0, np.array([np.nan]))
    with pytest.raises(DataError, match="thinned by 0"):
        rank(0.0, np.zeros(3), thin=0)
