from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score

from probrm.evaluation import binary_metrics, expected_calibration_error


def _data(seed: int, n: int, prompts: int):
    generator = np.random.default_rng(seed)
    reward = generator.normal(size=n)
    probability = 1 / (1 + np.exp(-reward))
    truth = (generator.random(n) < probability).astype(float)
    return truth, probability, reward, generator.integers(0, prompts, n), generator.gamma(2.0, size=n)


def test_tiny_data_by_hand():
    metrics = binary_metrics([1, 0, 1, 0], [0.8, 0.4, 0.4, 0.6], groups=["a", "a", "b", "b"], bootstrap=0)
    # Pairs over all rows: .8>.4, .8>.6, .4=.4, .4<.6; within prompts: .8>.4 right, .4<.6 wrong.
    assert metrics["auroc"].value == pytest.approx(2.5 / 4)
    assert metrics["pair_accuracy"].value == pytest.approx(0.5)
    assert metrics["nll"].value == pytest.approx(-np.mean(np.log([0.8, 0.6, 0.4, 0.4])))
    assert metrics["brier"].value == pytest.approx(np.mean([0.04, 0.16, 0.36, 0.36]))
    assert list(metrics) == ["auroc", "nll", "brier", "ece", "pair_accuracy"]
    assert all(np.isnan([metric.low, metric.high]).all() for metric in metrics.values())


def test_point_values_are_sklearn_s():
    truth, probability, reward, groups, weight = _data(0, 500, 80)
    metrics = binary_metrics(truth, probability, score=reward, groups=groups, weight=weight, bootstrap=50)
    assert metrics["auroc"].value == roc_auc_score(truth, reward, sample_weight=weight)
    assert metrics["nll"].value == pytest.approx(log_loss(truth, probability, sample_weight=weight), abs=1e-12)
    assert metrics["brier"].value == brier_score_loss(truth, probability, sample_weight=weight)
    assert metrics["ece"].value == expected_calibration_error(truth, probability, weight)
    assert all(metric.low <= metric.value <= metric.high for metric in metrics.values())


def test_the_interval_is_that_of_sklearn_on_resampled_rows():
    """The whole way once more without counts: prompts drawn, rows written out, sklearn on these rows."""
    truth, probability, reward, groups, weight = _data(1, 120, 30)
    metrics = binary_metrics(truth, probability, score=reward, groups=groups, weight=weight, bootstrap=60, seed=5)
    codes = {group: code for code, group in enumerate(dict.fromkeys(groups.tolist()))}
    members = [np.flatnonzero([codes[g] == code for g in groups.tolist()]) for code in range(len(codes))]
    generator = np.random.default_rng(5)
    drawn = [np.concatenate([members[k] for k in generator.integers(0, len(codes), len(codes))]) for _ in range(60)]
    for name, reference in (
        ("auroc", [roc_auc_score(truth[i], reward[i], sample_weight=weight[i]) for i in drawn]),
        ("nll", [log_loss(truth[i], probability[i], sample_weight=weight[i]) for i in drawn]),
        ("brier", [brier_score_loss(truth[i], probability[i], sample_weight=weight[i]) for i in drawn]),
    ):
        np.testing.assert_allclose([metrics[name].low, metrics[name].high], np.quantile(reference, [0.05, 0.95]), atol=1e-9)


def test_ranks_come_from_the_score_and_losses_from_the_probability():
    truth, probability, _, groups, _ = _data(6, 100, 20)
    plain = binary_metrics(truth, probability, groups=groups, bootstrap=20)
    turned = binary_metrics(truth, probability, score=-probability, groups=groups, bootstrap=20)
    for name in ("auroc", "pair_accuracy"):
        assert turned[name].value == pytest.approx(1 - plain[name].value)
        assert turned[name].low == pytest.approx(1 - plain[name].high)
    assert all(turned[name] == plain[name] for name in ("nll", "brier", "ece"))


def test_a_wrong_certainty_costs_a_finite_loss():
    assert binary_metrics([1, 0], [0.0, 0.0], bootstrap=0)["nll"].value == pytest.approx((-np.log(1e-6) - np.log1p(-1e-6)) / 2)


def test_one_class_leaves_ranks_undefined_and_says_why():
    metrics = binary_metrics([1, 1, 1], [0.2, 0.5, 0.9], groups=["a", "a", "b"], bootstrap=20)
    assert np.isnan(metrics["auroc"].value)
    assert "the truth is 1 in every row" in metrics["auroc"].reason
    assert np.isnan(metrics["pair_accuracy"].value)
    assert metrics["pair_accuracy"].reason == "no prompt has two rows with different truth"
    assert metrics["nll"].low <= metrics["nll"].value <= metrics["nll"].high


def test_without_prompts_there_are_no_pairs():
    assert binary_metrics([0, 1], [0.2, 0.5], bootstrap=0)["pair_accuracy"].reason == "there are no prompts to form pairs within"


def test_resamples_of_one_class_are_skipped():
    # One positive in 12 rows: a third of the resamples miss it, and the AUROC is 1 on all others.
    truth = np.r_[1.0, np.zeros(11)]
    metric = binary_metrics(truth, np.linspace(0.9, 0.1, 12), bootstrap=400)["auroc"]
    assert (metric.value, metric.low, metric.high) == (1.0, 1.0, 1.0)


def test_coverage_counts_rows_whose_true_probability_is_inside():
    metrics = binary_metrics(
        [1, 0, 1, 0, 1],
        [0.5] * 5,
        probability_low=[0.4] * 5,
        probability_high=[0.6] * 5,
        true_probability=[0.5, 0.6, 0.61, np.nan, 0.3],
        weight=[1, 1, 1, 7, 2],
        bootstrap=0,
    )
    assert metrics["coverage"].value == pytest.approx(2 / 5)
    assert "coverage" not in binary_metrics([1, 0], [0.5, 0.5], true_probability=[0.5, 0.5], bootstrap=0)
    unknown = binary_metrics(
        [1, 0], [0.5, 0.5], probability_low=[0, 0], probability_high=[1, 1], true_probability=[np.nan, np.nan], bootstrap=5
    )["coverage"]
    assert np.isnan(unknown.value)
    assert unknown.reason == "no row has a true probability"


def test_float32_from_a_model_is_as_good_as_float64():
    truth, probability, *_ = _data(2, 200, 10)
    single = binary_metrics(truth.astype(np.float32), probability.astype(np.float32), bootstrap=20)
    double = binary_metrics(truth, probability, bootstrap=20)
    assert all(single[name].value == pytest.approx(double[name].value, abs=1e-6) for name in ("auroc", "nll", "brier", "ece"))


def test_a_seed_fixes_the_intervals():
    truth, probability, *_ = _data(3, 100, 10)
    first, again, other = (binary_metrics(truth, probability, bootstrap=50, seed=seed)["nll"] for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_lengths_must_agree():
    with pytest.raises(ValueError, match="2 predictions for 3 rows"):
        binary_metrics([0, 1, 1], [0.5, 0.5])


def test_memory_stays_small_on_many_rows():
    """200,000 rows, 20 resamples: what is sorted once takes some 60 MB; 20 resamples of all rows at once would take 32 MB each time
    that one metric needs them, several times over."""
    truth, probability, _, groups, _ = _data(4, 200_000, 50_000)
    tracemalloc.start()
    binary_metrics(truth, probability, groups=groups, bootstrap=20)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100e6, f"{peak / 1e6:.0f} MB"
