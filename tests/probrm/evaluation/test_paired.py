from __future__ import annotations

import numpy as np
import pytest

from probrm.evaluation import Metric, Predictions, Sample, binary_metrics, difference, verdict


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def _simulated(generator: np.random.Generator, n: int) -> tuple[Sample, np.ndarray, np.ndarray]:
    x, z = generator.normal(size=n), generator.normal(size=n)
    truth = (generator.random(n) < _sigmoid(x + z)).astype(float)
    return Sample.of(truth, groups=np.arange(n) // 3), x, z


def test_the_difference_is_that_of_the_two_point_values():
    sample, x, z = _simulated(np.random.default_rng(0), 300)
    model, baseline = Predictions.of(_sigmoid(x + z)), Predictions.of(_sigmoid(x))
    change = difference(sample, model, baseline, bootstrap=50)
    one = binary_metrics(sample.truth, model.probability, groups=np.arange(300) // 3, bootstrap=0)
    other = binary_metrics(sample.truth, baseline.probability, groups=np.arange(300) // 3, bootstrap=0)
    assert list(change) == ["auroc", "nll", "brier", "ece", "pair_accuracy"]
    for name, metric in change.items():
        assert metric.value == pytest.approx(one[name].value - other[name].value)
        assert metric.low <= metric.value <= metric.high


def test_a_model_against_itself_is_exactly_zero_so_the_resamples_are_the_same():
    sample, x, _ = _simulated(np.random.default_rng(1), 200)
    model = Predictions.of(_sigmoid(x))
    for name, change in difference(sample, model, model, bootstrap=50).items():
        assert (change.value, change.low, change.high) == (0.0, 0.0, 0.0), name
        assert verdict(name, change) == "unclear"


def test_pairing_narrows_the_interval():
    sample, x, z = _simulated(np.random.default_rng(2), 600)
    model, baseline = Predictions.of(_sigmoid(x + z)), Predictions.of(_sigmoid(0.9 * (x + z)))
    paired = difference(sample, model, baseline, bootstrap=200)["nll"]
    alone = binary_metrics(sample.truth, model.probability, groups=np.arange(600) // 3, bootstrap=200)["nll"]
    assert paired.high - paired.low < (alone.high - alone.low) / 4


def test_verdicts_find_a_better_model_and_seldom_claim_one_among_equals():
    """100 data sets of 300 rows. The model that knows more wins nearly always; of two equally good ones (each knows one of
    two exchangeable halves) either is declared better in about 5 % (binomial standard error 2.2 %)."""
    generator = np.random.default_rng(3)
    names = ("auroc", "nll", "brier", "pair_accuracy")
    found, claimed = dict.fromkeys(names, 0), dict.fromkeys(names, 0)
    for seed in range(100):
        sample, x, z = _simulated(generator, 300)
        both, first, second = Predictions.of(_sigmoid(x + z)), Predictions.of(_sigmoid(0.85 * x)), Predictions.of(_sigmoid(0.85 * z))
        more = difference(sample, both, first, bootstrap=150, seed=seed)
        equal = difference(sample, first, second, bootstrap=150, seed=seed)
        for name in names:
            found[name] += verdict(name, more[name]) == "better"
            claimed[name] += verdict(name, equal[name]) == "better"
    # Within prompts of three there are only some 200 pairs, hence the weaker test.
    assert found.pop("pair_accuracy") >= 60
    assert min(found.values()) >= 85, found
    assert max(claimed.values()) <= 5 + 3 * 2.2, claimed


def test_a_calibrated_model_is_not_called_worse_than_a_calibrated_constant():
    """Both have a true calibration error of 0, but ten bins gather more noise than the constant's one."""
    generator = np.random.default_rng(5)
    worse = 0
    for seed in range(60):
        x = generator.normal(size=500)
        sample = Sample.of((generator.random(500) < _sigmoid(x)).astype(float))
        change = difference(sample, Predictions.of(_sigmoid(x)), Predictions.of(np.full(500, 0.5)), bootstrap=100, seed=seed)["ece"]
        assert change.value > -0.02
        worse += verdict("ece", change) == "worse"
    assert worse <= 6


@pytest.mark.parametrize(
    ("name", "low", "high", "expected"),
    [
        ("auroc", 0.01, 0.02, "better"),
        ("auroc", -0.02, -0.01, "worse"),
        ("nll", 0.01, 0.02, "worse"),
        ("nll", -0.02, -0.01, "better"),
        ("ece", -0.02, 0.0, "unclear"),
        ("ece", np.nan, np.nan, None),
        ("coverage", 0.1, 0.2, None),
    ],
)
def test_verdicts_know_which_way_is_better(name: str, low: float, high: float, expected: str | None):
    assert verdict(name, Metric(0.0, low, high)) == expected
