from __future__ import annotations

import numpy as np
from scipy import stats

from probrm.evaluation import expected_calibration_error
from probrm.figures import calibration, reliability
from tests.probrm.figures.drawn import check_look, points, segments, texts


def test_bins_by_hand() -> None:
    """40 rows make two bins of 20; Jeffreys' intervals."""
    probability = np.repeat([0.1, 0.2, 0.7, 0.8], 10)
    observed = np.concatenate([np.zeros(18), np.ones(2), np.ones(15), np.zeros(5)])
    found = reliability(probability, observed)
    np.testing.assert_allclose(found.predicted, [0.15, 0.75])
    np.testing.assert_allclose(found.observed, [0.1, 0.75])
    np.testing.assert_allclose(found.low, stats.beta.ppf(0.05, [2.5, 15.5], [18.5, 5.5]))
    np.testing.assert_allclose(found.high, stats.beta.ppf(0.95, [2.5, 15.5], [18.5, 5.5]))
    assert found.error == expected_calibration_error(observed, probability)


def test_weights_count_and_widen() -> None:
    probability, observed = np.full(20, 0.5), np.repeat([0.0, 1.0], 10)
    weight = np.repeat([1.0, 3.0], 10)
    found = reliability(probability, observed, weight)
    np.testing.assert_allclose(found.observed, [0.75])
    effective = 40**2 / (10 + 90)
    np.testing.assert_allclose(found.low, stats.beta.ppf(0.05, 0.75 * effective + 0.5, 0.25 * effective + 0.5))


def test_constant_predictions_and_sure_outcomes() -> None:
    found = reliability(np.full(50, 0.3), np.zeros(50))
    np.testing.assert_allclose([found.predicted, found.observed, found.low], [[0.3], [0.0], [0.0]])
    figure = calibration({"all rows": (np.full(50, 0.3), np.zeros(50), np.ones(50))})
    assert figure is not None
    check_look(figure)


def test_intervals_hold_what_they_say(seed_shift: int) -> None:
    """Rows from the predicted probabilities: bars hold the mean prediction in about nine of ten bins.

    400 bins: the share is .90 ± .015, .855 or less in 3 of 1,000 seeds. Negative control: predictions too sure by a factor of two on the
    logit's scale are held in fewer than half.
    """
    draw = np.random.default_rng(seed_shift)
    hits = {1.0: [], 2.0: []}
    for _ in range(40):
        logit = draw.normal(size=1000)
        observed = (draw.random(1000) < 1 / (1 + np.exp(-logit))).astype(float)
        for factor, inside in hits.items():
            found = reliability(1 / (1 + np.exp(-factor * logit)), observed)
            inside.extend((found.low <= found.predicted) & (found.predicted <= found.high))
    assert np.mean(hits[1.0]) > 0.855
    assert np.mean(hits[2.0]) < 0.5


def test_what_is_drawn_missing_outcomes_left_out() -> None:
    draw = np.random.default_rng(0)
    p = draw.random(200)
    y = (draw.random(200) < p).astype(float)
    y[::4] = np.nan
    seen = ~np.isnan(y)
    empty = np.zeros(0)
    figure = calibration({"held-out rows": (empty, empty, empty), "all rows": (p, y, np.ones(200))}, about="one thing more")
    assert figure is not None
    axes, found = figure.axes[0], reliability(p[seen], y[seen])
    np.testing.assert_allclose(points(axes, 1), [found.predicted, found.observed])
    np.testing.assert_allclose(segments(axes)[:, :, 1], np.stack([found.low, found.high], 1))
    steps = figure.axes[1].patches[0]
    assert steps.get_data().values.sum() == seen.sum()  # type: ignore[attr-defined]
    assert "all rows (150)" in texts(figure)
    assert "one thing more" in texts(figure)
    check_look(figure)


def test_without_rows_there_is_no_figure() -> None:
    assert calibration({"all rows": (np.ones(2), np.full(2, np.nan), np.ones(2))}) is None
