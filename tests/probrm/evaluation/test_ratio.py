from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import brier_score_loss

from probrm.evaluation.ratio import Ratio
from probrm.evaluation.resample import Resamples


def test_the_mean_equals_sklearn_on_every_resample():
    generator = np.random.default_rng(0)
    codes, weight = generator.integers(0, 30, 200), generator.gamma(2.0, size=200)
    codes[:30] = np.arange(30)
    probability = generator.random(200)
    truth = (generator.random(200) < probability).astype(float)
    mean = Ratio.mean((truth - probability) ** 2, weight, codes)
    for counts in Resamples(30, 200, 20, seed=0):
        expected = [brier_score_loss(truth, probability, sample_weight=weight * count[codes]) for count in counts]
        np.testing.assert_allclose(mean(counts), expected, atol=1e-12)


def test_missing_values_are_left_out_and_nothing_known_is_undefined():
    codes = np.array([0, 0, 1])
    mean = Ratio.mean(np.array([1.0, 4.0, np.nan]), np.array([1.0, 2.0, 5.0]), codes)
    assert mean.value == pytest.approx(3.0)
    np.testing.assert_array_equal(mean(np.array([[0.0, 2.0], [2.0, 0.0]])), [np.nan, 3.0])
