from __future__ import annotations

import numpy as np
import pytest

from probrm.errors import DataError
from probrm.simulation import above_median, on_five_levels


@pytest.mark.parametrize(
    ("rating", "good", "threshold"),
    [
        ([1, 2, 3, 4, 5], [0, 0, 0, 1, 1], 3),
        ([1, 2, 4, 4, 4], [0, 0, 1, 1, 1], 2),  # nothing lies above the median
        ([0, 1, 1, 1], [0, 1, 1, 1], 0),
        ([0, 0, 0, 1], [0, 0, 0, 1], 0),
        ([0, 0, 1, 1], [0, 0, 1, 1], 0.5),
    ],
)
def test_above_the_median_level(rating: list[float], good: list[int], threshold: float) -> None:
    found, above = above_median(np.array(rating, float))
    assert (found.astype(int).tolist(), above) == (good, threshold)


def test_a_threshold_of_ones_own() -> None:
    found, above = above_median(np.array([1.0, 2, 3, 4]), 1.5)
    assert (found.tolist(), above) == ([False, True, True, True], 1.5)


@pytest.mark.parametrize(("threshold", "said"), [(4.0, "no rating is good"), (0.5, "every rating is good")])
def test_a_threshold_that_leaves_one_kind(threshold: float, said: str) -> None:
    with pytest.raises(DataError, match=said):
        above_median(np.array([1.0, 2, 3, 4]), threshold, source="f.csv")


def test_one_level() -> None:
    with pytest.raises(DataError, match=r"f\.csv: the rating is 3 in all 4 rows"):
        above_median(np.full(4, 3.0), source="f.csv")
    with pytest.raises(DataError, match="at least two levels"):
        on_five_levels(np.full(4, 3.0))


def test_five_levels() -> None:
    np.testing.assert_allclose(on_five_levels(np.array([0.0, 1.0])), [1, 5])
    np.testing.assert_allclose(on_five_levels(np.array([1.0, 2, 3, 4, 5])), [1, 2, 3, 4, 5])
    np.testing.assert_allclose(on_five_levels(np.array([-10.0, 0, 10])), [1, 3, 5])
