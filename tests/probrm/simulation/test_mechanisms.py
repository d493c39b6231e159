from __future__ import annotations

import numpy as np
import pytest
from scipy.special import logit

from probrm.errors import ConfigError, DataError
from probrm.simulation import MECHANISMS, simulate
from probrm.simulation.exposures import LEAST_SEEN
from probrm.simulation.mechanisms import USER_SD
from probrm.simulation.scaling import capped, logistic

N = 8000
RATING = np.random.default_rng(0).integers(1, 6, N).astype(np.float64)
GOOD = RATING > 3


@pytest.mark.parametrize("rate", [0.05, 0.2, 0.8, 0.97])
@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_the_mean_propensity_is_the_rate(mechanism: str, rate: float) -> None:
    propensity = simulate(RATING, GOOD, mechanism, rate=rate, seed=1).propensity
    assert propensity.mean() == pytest.approx(rate, abs=1e-9)
    assert propensity.min() > 0
    assert propensity.max() <= 1


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_actions_are_drawn_from_it_on_good_answers_alone(mechanism: str) -> None:
    """Within 5 standard errors, overall and in the upper half of the propensities: fails for 1 of 10⁶ seeds."""
    found = simulate(RATING, GOOD, mechanism, seed=2)
    good = GOOD[found.answer]
    assert not found.action[~good].any()
    for rows in (good, good & (found.propensity >= np.median(found.propensity[good]))):
        p, drawn = found.propensity[rows], found.action[rows]
        assert abs(drawn.sum() - p.sum()) < 5 * np.sqrt((p * (1 - p)).sum())


@pytest.mark.parametrize(("mechanism", "sign"), [("label", 1), ("against", -1)])
def test_powers_of_alpha_of_the_rating(mechanism: str, sign: int) -> None:
    """α^(5 − rating): one level more is 1/α times as likely, in whatever unit the ratings are; α = 1 is constant."""
    by_level = {}
    for scale in (1.0, 20.0):
        p = simulate(RATING * scale, GOOD, mechanism, alpha=0.4, seed=3).propensity
        by_level[scale] = np.array([p[level == RATING].mean() for level in range(1, 6)])
        assert all(np.ptp(p[level == RATING]) == 0 for level in range(1, 6))
    np.testing.assert_allclose(by_level[1.0], by_level[20.0], rtol=1e-12)
    np.testing.assert_allclose(np.diff(np.log(by_level[1.0])), -sign * np.log(0.4), rtol=1e-9)
    np.testing.assert_allclose(simulate(RATING, GOOD, mechanism, alpha=1.0).propensity, 0.2, rtol=1e-12)


def test_what_does_not_look_at_the_answer() -> None:
    """Same seed, other ratings: the propensities of independent, user and constant stay to the bit, the others change."""
    other = RATING[::-1].copy()
    for mechanism in MECHANISMS:
        before, after = (simulate(r, r > 3, mechanism, seed=4).propensity for r in (RATING, other))
        assert np.array_equal(before, after) == (mechanism not in ("label", "against", "selected")), mechanism


def test_covariates_drive_independent_and_nothing_else() -> None:
    found = simulate(RATING, GOOD, "independent", seed=5)
    truth, covariates = found.truth, found.covariates
    expected = truth["intercept"] + np.array([truth["surface"][s] for s in covariates["surface"]])
    expected += truth["position"] * (covariates["position"].to_numpy() - 5.5)
    np.testing.assert_allclose(logit(found.propensity), expected, atol=1e-9)
    assert logit(found.propensity).std() == pytest.approx(2.0, abs=0.1)  # uneven under every seed
    low, high = np.quantile(found.propensity, [0.01, 0.99])
    assert low < 0.02
    assert high > 0.6
    # Independent of the rating: a correlation beyond 5/√n is seen once in 10⁶ seeds.
    for values in (found.propensity, covariates["position"], covariates["surface"] == "ide"):
        assert abs(np.corrcoef(values, RATING)[0, 1]) < 5 / np.sqrt(N)


def test_users_have_one_propensity_each_and_enough_rows() -> None:
    found = simulate(RATING, GOOD, "user", users=700, seed=6)
    assert found.user is not None
    assert np.bincount(found.user).min() >= LEAST_SEEN
    effect = np.array(found.truth["users"])
    np.testing.assert_allclose(logit(found.propensity), found.truth["intercept"] + effect[found.user], atol=1e-9)
    assert effect.std() == pytest.approx(USER_SD, rel=5 / np.sqrt(2 * 700))  # 5 standard errors
    assert abs(np.corrcoef(found.propensity, RATING)[0, 1]) < 5 / np.sqrt(N)


def test_the_seed_is_all_that_is_random() -> None:
    one, same, other = (simulate(RATING, GOOD, "independent", users=40, seed=seed) for seed in (7, 7, 8))
    for name in ("action", "propensity", "user"):
        np.testing.assert_array_equal(getattr(one, name), getattr(same, name))
        assert not np.array_equal(getattr(one, name), getattr(other, name)), name
    assert one.covariates.equals(same.covariates)
    assert not one.covariates.equals(other.covariates)
    assert one.truth == same.truth


def test_mechanisms_share_the_crowd_and_a_higher_rate_only_adds_actions() -> None:
    crowds = [simulate(RATING, GOOD, mechanism, users=40, seed=9) for mechanism in MECHANISMS if mechanism != "selected"]
    for crowd in crowds[1:]:
        assert crowd.covariates.equals(crowds[0].covariates)
        np.testing.assert_array_equal(crowd.user, crowds[0].user)
    for mechanism in MECHANISMS:
        few, many = (simulate(RATING, GOOD, mechanism, rate=rate, seed=9).action for rate in (0.2, 0.4))
        assert (few <= many).all()
        assert few.sum() < many.sum()


def test_users_only_where_asked_for_or_needed() -> None:
    assert simulate(RATING, GOOD, "label").user is None
    found = simulate(RATING, GOOD, "user").user
    assert found is not None
    assert len(np.unique(found)) == N // 20


@pytest.mark.parametrize(
    ("mechanism", "changed", "message"),
    [
        ("users", {}, "did you mean 'user'"),
        ("label", {"rate": 0.0}, "--rate: found 0"),
        ("label", {"rate": 1.0}, "--rate: found 1"),
        ("label", {"alpha": 0.0}, "--alpha: found 0"),
        ("label", {"alpha": 1.5}, "--alpha: found 1.5"),
        ("constant", {"users": 0}, "--users: found 0"),
        ("constant", {"users": N + 1}, "--users: found 8001"),
        ("user", {"users": N // 5}, "5.0 a user"),
        ("label", {"rate": float("nan")}, "--rate: found nan"),
    ],
)
def test_what_is_refused(mechanism: str, changed: dict[str, float], message: str) -> None:
    with pytest.raises((ConfigError, DataError), match=message):
        simulate(RATING, GOOD, mechanism, **changed)  # type: ignore[arg-type]


@pytest.mark.parametrize("rate", [0.01, 0.3, 0.6, 0.9, 0.999])
def test_capped_against_bisection(rate: float) -> None:
    raw = np.random.default_rng(3).gamma(0.5, size=200) + 1e-6
    low, high = 0.0, 1e9
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if np.minimum(1, middle * raw).mean() < rate else (low, middle)
    found, factor = capped(raw, rate)
    assert factor == pytest.approx(low, rel=1e-9)
    np.testing.assert_allclose(found, np.minimum(1, low * raw), rtol=1e-9)


def test_intercept_of_equal_effects_is_closed_form() -> None:
    found, intercept = logistic(np.full(5, 1.5), 0.3)
    assert intercept == pytest.approx(logit(0.3) - 1.5, abs=1e-9)
    np.testing.assert_allclose(found, 0.3, atol=1e-9)
