from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr

from probrm.evaluation.length import Moments, length_estimates, within_ranks
from probrm.evaluation.length_report import LengthRows

ONCE = np.ones((1, 3))
GROUPS = np.array([0, 0, 0, 1, 1, 2, 2, 2, 2])


def values(length: object, reward: object, truth: object = None, groups: np.ndarray = GROUPS) -> dict[str, float]:
    one = None if truth is None else np.asarray(truth, float)
    ones = np.ones(len(groups))
    found = length_estimates(np.asarray(length, float), np.asarray(reward, float), one, groups, ones, groups, int(groups.max()) + 1)
    return {name: estimate.value for name, estimate in found.items()}


def test_one_group_is_spearman_s_correlation() -> None:
    draw = np.random.default_rng(0)
    length, reward = draw.integers(1, 30, 50).astype(float), draw.normal(size=50).round(1)
    found = values(length, reward, groups=np.zeros(50, int))["length_correlation"]
    assert found == pytest.approx(float(np.asarray(spearmanr(length, reward))[0]), abs=1e-10)


def test_pairs_are_a_share_less_the_other_share() -> None:
    """Three pairs in which the longer answer has the larger reward, one in which the shorter has it: 3/4 − 1/4."""
    length, reward = [10, 5, 7, 9, 3, 30, 8, 2], [1.0, 0.0, 0.0, 2.0, -1.0, 5.0, 0.0, 0.5]
    found = values(length, reward, [1, 0] * 4, np.repeat(np.arange(4), 2))
    assert found["length_correlation"] == pytest.approx(0.5, abs=1e-12)
    assert found["truth_length_correlation"] == pytest.approx(0.0, abs=1e-12)  # the longer one was chosen in two of four


def test_slope_and_partial_slope_are_those_the_rewards_were_made_of() -> None:
    """r = a_group + 0.4 log₂(1 + length) + 1.5 truth, with a truth that itself goes with length."""
    draw = np.random.default_rng(1)
    groups = np.repeat(np.arange(40), 5)
    length = draw.integers(1, 500, 200).astype(float)
    truth = (np.log2(length) + draw.normal(size=200) > 7).astype(float)
    x = np.log2(1 + length)
    reward = draw.normal(size=40)[groups] + 0.4 * x + 1.5 * truth
    found = values(length, reward, truth, groups)
    assert found["length_slope_given_truth"] == pytest.approx(0.4, abs=1e-8)
    assert found["length_slope"] > 0.5
    dummies = np.eye(40)[groups]
    by_least_squares = np.linalg.lstsq(np.column_stack([x, dummies]), reward, rcond=None)[0][0]
    assert found["length_slope"] == pytest.approx(by_least_squares, abs=1e-8)


def test_a_reward_that_is_the_truth_has_no_slope_given_it_though_it_goes_with_length() -> None:
    draw = np.random.default_rng(2)
    groups, length = np.repeat(np.arange(50), 4), draw.integers(1, 500, 200).astype(float)
    truth = (np.log2(length) + draw.normal(size=200) > 7).astype(float)
    found = values(length, truth, truth, groups)
    assert found["length_slope_given_truth"] == pytest.approx(0, abs=1e-10)
    assert found["length_correlation"] > 0.5


def test_labels_of_a_right_reward_do_not_depend_on_length_given_it_and_those_of_a_biased_one_do() -> None:
    """Labels ~ Bernoulli(σ(r)), r going with length: 20,000 pairs of answers. Within 5 standard errors, which are about .0035."""
    draw = np.random.default_rng(5)
    groups, length = np.repeat(np.arange(20_000), 2), np.exp2(draw.uniform(3, 9, 40_000)).round()
    right = 0.5 * (np.log2(1 + length) - 6) + draw.normal(size=40_000)
    label = (draw.uniform(size=40_000) < 1 / (1 + np.exp(-right))).astype(float)
    found = values(length, right, label, groups)
    assert found["length_slope_given_truth"] > 0.3  # a perfect reward has one: the labels are noisy
    assert abs(found["truth_slope_given_reward"]) < 0.0175
    biased = values(length, right + 0.7 * np.log2(1 + length), label, groups)
    assert biased["truth_slope_given_reward"] < -0.05
    assert values(length, right - 0.7 * np.log2(1 + length), label, groups)["truth_slope_given_reward"] > 0.05


def test_what_groups_differ_in_does_not_count_and_rows_without_truth_only_where_it_is_asked_for() -> None:
    length, reward = np.array([5.0, 9, 2, 4, 8, 1, 3, 5, 7]), np.array([1.0, 2, 0, 5, 4, 9, 9, 8, 7])
    moved = values(length, reward + 100.0 * GROUPS)
    assert moved == pytest.approx(values(length, reward), abs=1e-8)
    truth = np.array([1.0, 0, np.nan, 1, 0, np.nan, np.nan, np.nan, np.nan])
    partly = values(length, reward, truth)
    assert partly["length_correlation"] == pytest.approx(moved["length_correlation"])
    rows = np.isfinite(truth)
    assert partly["truth_length_correlation"] == pytest.approx(
        values(length[rows], reward[rows], truth[rows], GROUPS[rows])["truth_length_correlation"]
    )


def test_nothing_that_differs_has_no_correlation() -> None:
    found = length_estimates(np.full(9, 4.0), np.arange(9.0), None, GROUPS, np.ones(9), GROUPS, 3)
    assert found["length_correlation"].statistic is None
    assert found["length_correlation"].reason == "no prompt has answers that differ in it"


def test_ranks_share_places_and_leave_out_what_is_missing() -> None:
    found = within_ranks(np.array([3.0, 3.0, 1.0, np.nan, 7.0, 8.0]), np.array([0, 0, 0, 0, 1, 1]))
    np.testing.assert_allclose(found, [0.5 / 3, 0.5 / 3, -1 / 3, np.nan, -0.25, 0.25])


def test_a_resample_is_the_data_with_groups_repeated() -> None:
    draw = np.random.default_rng(3)
    columns, weight = draw.normal(size=(9, 3)), draw.uniform(0.5, 2, 9)
    counts = np.array([2.0, 0.0, 3.0])
    found = Moments.of(columns, GROUPS, weight, GROUPS, 3)(counts[None])[0]
    expected = np.zeros((3, 3))
    for group, count in enumerate(counts):
        rows = group == GROUPS
        centred = columns[rows] - np.average(columns[rows], axis=0, weights=weight[rows])
        expected += count * (centred * weight[rows, None]).T @ centred
    np.testing.assert_allclose(found, expected, atol=1e-10)


def test_a_note_beyond_the_threshold_and_a_difference_to_the_baseline() -> None:
    draw = np.random.default_rng(4)
    length, prompts = draw.integers(1, 500, 400).astype(float), list(np.repeat(np.arange(100), 4))
    truth = draw.integers(0, 2, 400).astype(float)
    rows = LengthRows(length, truth, prompts, prompts, np.ones(400))
    leaning, free = np.log2(1 + length) + draw.normal(size=400), draw.normal(size=400)
    found = rows.evaluate(leaning, free, bootstrap=200)
    assert found.notes[0].startswith("the reward prefers longer answers to the same prompt: rank correlation 0.")
    assert "a caveat beyond ±0.3; that of the truth is " in found.notes[0]
    change = found.difference["length_correlation"]
    assert 0 < change.low < change.value < change.high
    assert rows.evaluate(free, bootstrap=200).notes == []
    assert "prefers shorter answers" in rows.evaluate(-leaning, bootstrap=0).notes[0]
    assert found.verdicts() == dict.fromkeys(found.difference)  # nothing is better: a truth may go with length
