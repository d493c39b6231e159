from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit, logit
from sklearn.calibration import calibration_curve

from probrm.evaluation import Margins, bound_calibration_errors
from probrm.evaluation.bound_calibration import BoundError


def random_margins(m: int = 400, seed: int = 0) -> Margins:
    draw = np.random.default_rng(seed)
    mean, width = draw.normal(0.5, 1.5, m), draw.uniform(0.05, 1.5, m)
    return Margins.of(mean, mean - width, mean + 2 * width)


def by_hand(margins: Margins, weight: np.ndarray, bins: int) -> dict[str, float]:
    """Row by row, bin by bin, as the definition says it."""
    p, low, high = (expit(part) for part in (margins.mean, margins.low, margins.high))
    rows = [(p, low, high, 1.0), (1 - p, 1 - high, 1 - low, 0.0)]
    found = {}
    for column, name in enumerate(("ece_20", "elce", "euce")):
        values = np.concatenate([row[column] for row in rows])
        truth = np.concatenate([np.full(len(p), row[3]) for row in rows])
        mass, total = np.tile(weight, 2), 0.0
        for b in range(bins):
            inside = (values >= b / bins) & ((values < (b + 1) / bins) | (b == bins - 1))
            if inside.any():
                gap = np.average(values[inside], weights=mass[inside]) - np.average(truth[inside], weights=mass[inside])
                total += mass[inside].sum() / mass.sum() * {"ece_20": abs(gap), "elce": max(gap, 0.0), "euce": max(-gap, 0.0)}[name]
        found[name] = total
    return found


def test_one_pair_by_hand() -> None:
    """p = .7, [.62, .88]: ECE (.3 + .3)/2; the lower bounds .62 and .12 stand for frequencies 1 and 0: only .12 is too high."""
    found = bound_calibration_errors(Margins.of(*(np.array([logit(q)]) for q in (0.7, 0.62, 0.88))))
    assert found == pytest.approx({"ece_20": 0.3, "elce": 0.06, "euce": 0.06}, abs=1e-12)


def test_four_pairs_in_one_bin_by_hand() -> None:
    """Three of p = .77 and one, which was lost, of 1 − .77: in the bin of .77 three of four were won, .77 − .75 too many; the same below ½."""
    sign = np.array([1, 1, 1, -1])
    mean, half = sign * logit(0.77), 0.01
    found = bound_calibration_errors(Margins.of(mean, mean - half, mean + half))
    low = expit(logit(0.77) - half)
    assert found["ece_20"] == pytest.approx(0.02, abs=1e-12)
    assert found["elce"] == pytest.approx((low - 0.75) / 2, abs=1e-12)  # the lower bound .768 is too high; that of 1 − .77 is not
    assert found["euce"] == pytest.approx((low - 0.75) / 2, abs=1e-12)


@pytest.mark.parametrize("bins", [5, 20])
@pytest.mark.parametrize("weighted", [False, True])
def test_against_the_definition_row_by_row(bins: int, weighted: bool) -> None:
    margins = random_margins()
    weight = np.random.default_rng(1).uniform(0.2, 3, len(margins)) if weighted else np.ones(len(margins))
    found = bound_calibration_errors(margins, weight, bins=bins)
    assert found == pytest.approx(by_hand(margins, weight, bins), abs=1e-10)


def test_ece_against_scikit_learn_s_calibration_curve() -> None:
    margins = random_margins()
    p = expit(np.r_[margins.mean, -margins.mean])
    truth = np.repeat([1, 0], len(margins))
    true, predicted = calibration_curve(truth, p, n_bins=20)
    share = np.bincount(np.digitize(p, np.linspace(0, 1, 21)[1:-1]), minlength=20) / len(p)
    assert bound_calibration_errors(margins)["ece_20"] == pytest.approx((share[share > 0] * np.abs(true - predicted)).sum(), abs=1e-10)


def test_lower_and_upper_errors_are_equal_since_each_pair_counts_both_ways() -> None:
    found = bound_calibration_errors(random_margins(seed=3))
    assert found["elce"] == pytest.approx(found["euce"], abs=1e-12)
    assert found["elce"] > 0.001


def test_wide_intervals_have_no_bound_error_and_points_have_half_the_ece() -> None:
    """|x| is max(x, 0) + max(−x, 0), and both are equal."""
    mean = random_margins().mean
    assert bound_calibration_errors(Margins.of(mean, mean - 50, mean + 50))["elce"] == pytest.approx(0, abs=1e-12)
    point = bound_calibration_errors(Margins.of(mean, mean, mean))
    assert point["elce"] + point["euce"] == pytest.approx(point["ece_20"], abs=1e-10)


def test_a_resample_is_the_data_with_clusters_repeated() -> None:
    margins, clusters = random_margins(60), np.repeat(np.arange(20), 3)
    weight = np.random.default_rng(5).uniform(0.5, 2, 60)
    counts = np.random.default_rng(6).integers(0, 4, size=(3, 20)).astype(float)
    for bound, name in (("mean", "ece_20"), ("low", "elce"), ("high", "euce")):
        error = BoundError(margins, bound, weight, clusters, 20)  # type: ignore[arg-type]
        for values, drawn in zip(error.error(error.gaps(counts)), counts, strict=True):
            rows = np.repeat(np.arange(60), drawn[clusters].astype(int))
            assert values == pytest.approx(bound_calibration_errors(margins.kept(rows), weight[rows])[name], abs=1e-10)
