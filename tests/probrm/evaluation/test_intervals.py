from __future__ import annotations

import numpy as np

from probrm.evaluation import Metric, Sample, binary_metrics
from probrm.evaluation.intervals import Drawn

SAMPLE = Sample.of([0, 1, 0, 1])


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def test_percentiles_leave_undefined_resamples_out():
    metric = Drawn(0.5, np.r_[np.linspace(0, 1, 101), np.nan, np.nan]).metric(SAMPLE)
    assert (metric.value, round(metric.low, 12), round(metric.high, 12)) == (0.5, 0.05, 0.95)


def test_mostly_undefined_resamples_give_no_interval_and_say_so():
    metric = Drawn(0.5, np.array([0.4, np.nan, np.nan])).metric(SAMPLE)
    assert np.isnan([metric.low, metric.high]).all()
    assert metric.reason == "no interval: undefined on 2 of 3 resamples"


def test_one_cluster_gives_no_interval_and_says_so():
    metric = Drawn(0.5, np.full(10, 0.5)).metric(Sample.of([0, 1], groups=["a", "a"]))
    assert np.isnan([metric.low, metric.high]).all()
    assert "only one of the prompts" in metric.reason


def test_undefined_is_none_for_json():
    assert Metric(0.5, np.nan, np.nan, "why").to_dict() == {"value": 0.5, "low": None, "high": None}


def test_an_error_is_reflected_and_starts_at_zero_where_noise_may_explain_it():
    draws = np.linspace(0.10, 0.20, 101)
    real = Drawn(0.12, draws, noise=np.full(101, 0.01)).metric(SAMPLE)
    np.testing.assert_allclose([real.low, real.high], [0.24 - 0.195, 0.24 - 0.105])
    noise = Drawn(0.12, draws, noise=np.full(101, 0.13)).metric(SAMPLE)
    np.testing.assert_allclose([noise.low, noise.high], [0.0, 0.135])


def test_a_difference_of_errors_holds_zero_where_the_larger_may_be_noise():
    small = Drawn(0.02, np.linspace(0.015, 0.025, 101), noise=np.full(101, 0.03))
    large_real = Drawn(0.10, np.linspace(0.08, 0.12, 101), noise=np.full(101, 0.03))
    large_noise = Drawn(0.10, np.linspace(0.08, 0.12, 101), noise=np.full(101, 0.11))
    assert large_real.minus(small, SAMPLE).low > 0
    assert small.minus(large_real, SAMPLE).high < 0
    assert large_noise.minus(small, SAMPLE).low == 0
    assert small.minus(large_noise, SAMPLE).high == 0


def test_ece_intervals_hold_the_true_error_where_percentiles_fail():
    """A calibrated model and one whose logits are 1.3 times too large with a shift of 0.1, 100 data sets of 1,000 rows.

    The true binned error is 0 and 0.0405 (closed form integrated on 2 million draws). The binomial standard error of a rate of
    0.9 is 0.03; the interval is conservative at 0. Percentiles of the same draws hold 0 never.
    """
    generator = np.random.default_rng(4)
    x = np.sort(generator.normal(size=500_000))
    gap = _sigmoid(x) - _sigmoid(1.3 * x + 0.1)
    true = float(sum(abs(part.sum()) for part in np.array_split(gap, 10)) / x.size)
    held_zero = held = 0
    for seed in range(100):
        x = generator.normal(size=1000)
        truth = (generator.random(1000) < _sigmoid(x)).astype(float)
        calibrated = binary_metrics(truth, _sigmoid(x), bootstrap=100, seed=seed)["ece"]
        off = binary_metrics(truth, _sigmoid(1.3 * x + 0.1), bootstrap=100, seed=seed)["ece"]
        assert calibrated.low <= calibrated.value <= calibrated.high
        held_zero += calibrated.low == 0
        held += off.low <= true <= off.high
    assert held_zero >= 90
    assert held >= 78
