"""The mechanism ``selected``: its formulas on small cases, and what chosen and randomised rows are."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.special import expit, logit
from scipy.stats import chi2

from probrm.errors import ConfigError, DataError
from probrm.simulation import choice_probability, select, simulate

N = 40_000
RATING = np.random.default_rng(0).integers(1, 6, N).astype(np.float64)
GOOD = RATING > 3
FIVE_ERRORS = 5.0
"""A standard normal lies beyond in 1 of 1.7 million seeds."""


def test_the_probability_of_a_choice_is_a_product() -> None:
    found = choice_probability(np.array([5.0, 5.0, 3.0, 1.0]), np.array([1, 4, 1, 4]), 0.5)
    np.testing.assert_allclose(found, [1, 1 / 2, 1 / 4, 1 / 32])
    np.testing.assert_allclose(choice_probability(np.array([1.0, 5.0]), np.array([4, 4]), 1.0), 1 / 2)


def test_selection_against_enumeration() -> None:
    """Three offers, two of them good: the share of good rows, over all 8 outcomes, has the odds of the docstring."""
    probability = choice_probability(np.array([5.0, 4.0, 2.0]), np.array([1, 9, 4]), 0.5)
    good = np.array([True, True, False])
    rows = good_rows = 0.0
    for taken in itertools.product((0, 1), repeat=3):
        chance = np.prod(np.where(taken, probability, 1 - probability))
        rows += chance * sum(taken)
        good_rows += chance * np.dot(taken, good)
    odds = good_rows / (rows - good_rows)
    assert odds == pytest.approx(2 / 1 * probability[good].mean() / probability[~good].mean(), rel=1e-12)
    counts = np.mean([np.bincount(select(probability, 0.0, np.random.default_rng(k)).offer, minlength=3) for k in range(4000)], axis=0)
    assert np.abs(counts - probability).max() < FIVE_ERRORS * np.sqrt(0.25 / 4000)


def test_choice_moves_the_logit_of_the_preference_by_its_formula() -> None:
    """In ten groups of one P(r* = 1) each: observed minus expected good rows, squared and scaled, is χ² of 10 degrees of freedom."""
    draw = np.random.default_rng(1)
    group = draw.integers(10, size=N)
    slope = np.linspace(-2, 2, 10)
    good = draw.random(N) < expit(slope[group])
    found = simulate(np.where(good, 5.0, 1.0), good, "selected", alpha=0.7, randomised=0.2, seed=2)
    assert found.selected is not None
    for rows, moved in ((~found.selected.randomised, -4 * np.log(0.7)), (found.selected.randomised, 0.0)):
        of, p = group[found.answer[rows]], expit(slope + moved)
        count, seen = np.bincount(of, minlength=10), np.bincount(of, good[found.answer[rows]], minlength=10)
        assert chi2.sf(((seen - count * p) ** 2 / (count * p * (1 - p))).sum(), 10) > 1e-6


def test_chosen_rows_over_represent_good_answers_and_randomised_rows_do_not() -> None:
    found = simulate(RATING, GOOD, "selected", seed=3)
    assert found.selected is not None
    at_random = found.selected.randomised
    level = RATING[found.answer]
    weight = 0.5 ** (5 - np.arange(1, 6))
    for rows, p in ((~at_random, weight / weight.sum()), (at_random, np.full(5, 1 / 5))):
        # The ratings that were drawn are a fifth each only within their own error: less than one of the rows' here.
        share = p * np.bincount(RATING.astype(int), minlength=6)[1:] * 5 / N
        share /= share.sum()
        counts = np.bincount(level[rows].astype(int), minlength=6)[1:]
        assert chi2.sf(((counts - rows.sum() * share) ** 2 / (rows.sum() * share)).sum(), 4) > 1e-6
    assert GOOD[found.answer][~at_random].mean() > 0.7 > 0.5 > GOOD[found.answer][at_random].mean()


def test_the_randomised_part_looks_at_nothing() -> None:
    """It is the same rows under another choice of the same expected size, and uncorrelated with rating and position."""
    one, other = (simulate(rating, GOOD, "selected", seed=4) for rating in (RATING, RATING[::-1].copy()))
    assert one.selected is not None
    assert other.selected is not None
    first, second = (set(found.selected.offer[found.selected.randomised].tolist()) for found in (one, other) if found.selected)
    assert len(first & second) >= min(len(first), len(second)) - abs(len(first) - len(second))
    inside = np.isin(np.arange(N), list(first))
    for values in (RATING, GOOD):
        assert abs(np.corrcoef(inside, values)[0, 1]) < FIVE_ERRORS / np.sqrt(N)
    position = one.covariates["position"].to_numpy()
    at_random = one.selected.randomised
    assert abs(position[at_random].mean() - 5.5) < FIVE_ERRORS * np.sqrt(99 / 12 / at_random.sum())
    assert position[~at_random].mean() < 4.7  # Σ √k / Σ 1/√k = 4.48


def test_every_subset_of_offers_is_as_likely_to_be_randomised() -> None:
    """Two of four offers with unequal probabilities: six pairs, χ² of 5 degrees of freedom over 6,000 seeds."""
    probability = np.array([0.9, 0.5, 0.1, 0.5])  # s q / (1 − s + s q) = 1/2 for s = 2/3 and q = 1/2
    pairs: dict[tuple[int, ...], int] = {}
    for seed in range(6000):
        found = select(probability, 2 / 3, np.random.default_rng(seed))
        pair = tuple(found.offer[found.randomised].tolist())
        pairs[pair] = pairs.get(pair, 0) + 1
    assert sorted(pairs) == list(itertools.combinations(range(4), 2))
    assert chi2.sf(sum((count - 1000) ** 2 / 1000 for count in pairs.values()), 5) > 1e-6


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5])
def test_the_randomised_rows_are_that_share_of_all(share: float) -> None:
    found = simulate(RATING, GOOD, "selected", randomised=share, seed=5).selected
    assert found is not None
    assert found.randomised.mean() == pytest.approx(share, abs=0.01)
    assert found.truth == {"offers": N, "chosen": int((~found.randomised).sum()), "randomised": int(found.randomised.sum())}


def test_the_propensity_is_of_surface_position_and_user() -> None:
    found = simulate(RATING, GOOD, "selected", seed=6)
    assert found.user is not None
    truth = found.truth
    assert len(truth["users"]) == len(found.answer) // 20
    expected = truth["intercept"] + np.array([truth["surface"][s] for s in found.covariates["surface"]])
    expected += truth["position"] * (found.covariates["position"].to_numpy() - 5.5) + np.array(truth["users"])[found.user]
    np.testing.assert_allclose(logit(found.propensity), expected, atol=1e-9)
    assert np.std(truth["users"]) == pytest.approx(1.0, rel=FIVE_ERRORS / np.sqrt(2 * len(truth["users"])))


@pytest.mark.parametrize("share", [-0.1, 1.0, float("nan")])
def test_a_share_outside_its_range(share: float) -> None:
    with pytest.raises(ConfigError, match="--randomised: found"):
        simulate(RATING, GOOD, "selected", randomised=share)


def test_nobody_chooses_anything() -> None:
    with pytest.raises(DataError, match="none of 3 offers is chosen"):
        simulate(np.array([5.0, 1.0, 1.0]), np.array([True, False, False]), "selected", alpha=1e-9, randomised=0.0, seed=1)
