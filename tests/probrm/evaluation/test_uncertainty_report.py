from __future__ import annotations

import numpy as np
import pytest

from probrm.errors import DataError
from probrm.evaluation import PairIntervals, bound_calibration_errors, confidence_rates, evaluate_uncertainty, ranking_score
from probrm.evaluation.uncertainty_report import NAMES


def intervals(m: int = 300, *, shared: float = 1.0, noise: float = 0.0, seed: int = 0) -> PairIntervals:
    """Rewards whose posterior has a part of deviation ``shared`` in common and a part of ½ of their own."""
    draw = np.random.default_rng(seed)
    means = draw.normal(size=(2, m)) + np.array([[0.7], [0.0]]) + noise * draw.normal(size=(2, m))
    half, apart = 1.645 * np.hypot(shared, 0.5), 1.645 * 0.5 * 2**0.5
    chosen, rejected = (np.stack([mean, mean - half, mean + half]) for mean in means)
    difference = means[0] - means[1]
    return PairIntervals(chosen, rejected, np.stack([difference, difference - apart, difference + apart]))


def test_its_values_are_those_of_the_functions() -> None:
    one, weight = intervals(), np.random.default_rng(2).uniform(0.5, 2, 300)
    found = evaluate_uncertainty(one, prompts=None, weight=weight, bootstrap=20)
    assert list(found.metrics) == list(NAMES)
    assert found.rows == 300
    for suffix, margins in (("", one.marginal), ("_joint", one.joint)):
        rates = confidence_rates(margins, weight)
        expected = bound_calibration_errors(margins, weight) | rates
        score = ranking_score(rates["confident_true"], rates["confident_false"], rates["win_rate"], beta=0.01)
        expected |= {"ranking_0.01": float(score)}
        for name, value in expected.items():
            if name + suffix in found.metrics:
                assert found.metrics[name + suffix].value == pytest.approx(value, abs=1e-10), name + suffix


def test_what_two_rewards_share_hides_differences_from_marginal_intervals_alone() -> None:
    """The same differences: joint rates stay, rates by non-overlap vanish as the shared part grows."""
    little, much = (evaluate_uncertainty(intervals(shared=shared), prompts=None, bootstrap=0).metrics for shared in (0.0, 3.0))
    assert little["confident_true_joint"].value == much["confident_true_joint"].value > 0.3
    assert little["confident_true"].value > 0.2
    assert much["confident_true"].value == 0


def test_ties_are_left_out_and_a_pair_of_weight_two_counts_twice() -> None:
    one = intervals(4)
    outcome = np.array([1.0, 0.5, 1.0, 1.0])
    found = evaluate_uncertainty(one, prompts=["a", "a", "b", "c"], outcome=outcome, bootstrap=10)
    kept = confidence_rates(one.joint.kept(np.array([0, 2, 3])))
    assert found.rows == 3
    assert found.metrics["win_rate"].value == pytest.approx(kept["win_rate"])
    assert "1 of 4 pairs are ties, which the metrics leave out" in found.notes
    with pytest.raises(DataError, match="all 4 pairs are ties"):
        evaluate_uncertainty(one, prompts=None, outcome=np.full(4, 0.5))


def test_against_a_worse_one_on_the_same_resamples() -> None:
    ours, worse = intervals(600), intervals(600, noise=3.0)
    found = evaluate_uncertainty(ours, worse, prompts=None, bootstrap=300)
    assert found.verdicts()["confident_false_joint"] == "better"
    assert found.verdicts()["ranking_0.2_joint"] == "better"
    assert found.difference["win_rate"].value == pytest.approx(found.metrics["win_rate"].value - found.baseline["win_rate"].value)
    again = evaluate_uncertainty(ours, ours, prompts=None, bootstrap=50)
    assert all(change.value == change.low == change.high == 0 for change in again.difference.values())


def test_intervals_of_the_rates_hold_their_truth() -> None:
    """Of 200 samples the 90 % interval of a rate holds it in 180 ± 4.2; fewer than 163 come with probability 1e-4."""
    truth = evaluate_uncertainty(intervals(400_000, seed=9), prompts=None, bootstrap=0).metrics
    names = ("confident_true", "confident_false_joint", "ranking_1_joint")
    inside = dict.fromkeys(names, 0)
    for seed in range(200):
        found = evaluate_uncertainty(intervals(300, seed=1000 + seed), prompts=None, bootstrap=200).metrics
        for name in names:
            inside[name] += found[name].low <= truth[name].value <= found[name].high
    assert min(inside.values()) >= 163, inside
