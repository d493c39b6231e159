from __future__ import annotations

import numpy as np
import pytest
from sklearn.calibration import calibration_curve

from probrm.evaluation import expected_calibration_error
from probrm.evaluation.calibration import CalibrationError
from probrm.evaluation.resample import Resamples


def _errors(error: CalibrationError, counts: np.ndarray) -> np.ndarray:
    return np.abs(error.gaps(counts)).sum(axis=1)


def test_two_bins_by_hand():
    # Bins {.1, .2} with mean gap -.15 and {.6, .8} with gap 1 - .7 = .3, each of half the mass.
    assert expected_calibration_error([0, 0, 1, 1], [0.1, 0.2, 0.6, 0.8], bins=2) == pytest.approx(0.225)


def test_weights_move_rows_between_bins():
    # Half the mass is the first row: bin one is {.1}, bin two {.2, .6, .8} with truths 0, 1, 1 and gap (-.2 + .4 + .2) / 6.
    assert expected_calibration_error([0, 0, 1, 1], [0.1, 0.2, 0.6, 0.8], [3, 1, 1, 1], bins=2) == pytest.approx(0.3 / 6 + 0.4 / 6)


def test_a_constant_prediction_is_off_by_the_base_rate():
    assert expected_calibration_error([0, 1, 1, 1, 0], np.full(5, 0.2)) == pytest.approx(0.4)


def test_equals_the_calibration_curve_of_sklearn():
    generator = np.random.default_rng(0)
    probability = generator.random(500)
    truth = (generator.random(500) < probability**2).astype(float)
    observed, predicted = calibration_curve(truth, probability, n_bins=10, strategy="quantile")
    assert expected_calibration_error(truth, probability) == pytest.approx(np.abs(observed - predicted).mean(), abs=1e-12)


@pytest.mark.parametrize("decimals", [1, 9])
def test_counts_are_rows_written_so_often_in_any_order(decimals: int):
    generator = np.random.default_rng(1)
    codes = np.r_[np.arange(20), generator.integers(0, 20, 80)]
    probability = np.round(generator.random(100), decimals)
    truth = (generator.random(100) < probability).astype(float)
    error = CalibrationError(truth, probability, np.ones(100), codes)
    for counts in Resamples(20, 100, 20, seed=0):
        for count, value in zip(counts, _errors(error, counts), strict=True):
            rows = generator.permutation(np.repeat(np.arange(100), count[codes].astype(int)))
            assert value == pytest.approx(expected_calibration_error(truth[rows], probability[rows]), abs=1e-12)


def test_a_calibrated_model_shows_the_bias_that_the_documentation_states():
    generator = np.random.default_rng(2)
    errors, expected = [], []
    for _ in range(100):
        probability = generator.random(2000)
        truth = (generator.random(2000) < probability).astype(float)
        errors.append(expected_calibration_error(truth, probability))
        # By bin: sqrt(mean p(1-p) over the bin); "about", as the formula takes one mean over all bins.
        expected.append(np.sqrt(2 * 10 * np.mean(probability * (1 - probability)) / (np.pi * 2000)))
    assert np.mean(errors) == pytest.approx(np.mean(expected), rel=0.1)


def test_a_row_across_an_edge_is_in_the_bin_of_its_middle():
    """Three rows in two bins: the second one's mass goes from one third to two thirds; its middle is the edge, which is the upper bin's."""
    assert expected_calibration_error([0, 1, 0], [0.1, 0.2, 0.6], bins=2) == pytest.approx(0.1)
