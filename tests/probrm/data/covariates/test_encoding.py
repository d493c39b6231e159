from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from probrm.data import FeatureMap
from probrm.errors import DataError

FRAME = pd.DataFrame(
    {"hour": [1.0, 2.0, 3.0, 6.0], "surface": ["web", "ide", "web", "app"], "night": [True, False, False, True], "count": [1, 1, 1, 5]}
)


def test_matrix_by_hand():
    features = FeatureMap.fit(FRAME)
    assert features.names == ("hour", "surface[app]", "surface[ide]", "night", "count")
    matrix = features.transform(FRAME)
    assert matrix.dtype == np.float32
    hours = (FRAME["hour"] - 3) / np.sqrt(3.5)
    counts = (FRAME["count"] - 2) / np.sqrt(3)
    expected = np.column_stack([hours, [0, 0, 0, 1], [0, 1, 0, 0], [1, 0, 0, 1], counts])
    np.testing.assert_allclose(matrix, expected, rtol=1e-6)


def test_new_rows_are_measured_with_the_training_rows_scale():
    features = FeatureMap.fit(FRAME)
    new = FRAME.iloc[:1].assign(hour=3.0 + 3.5**0.5)
    assert features.transform(new)[0, 0] == pytest.approx(1.0)


def test_unknown_levels_are_the_reference_and_are_counted():
    features = FeatureMap.fit(FRAME)
    new = FRAME.assign(surface=["tv", "ide", "tv", "web"])
    assert features.transform(new)[:, 1:3].tolist() == [[0, 0], [0, 1], [0, 0], [0, 0]]
    assert features.unknown_levels(new) == {"surface": 2}
    assert features.unknown_levels(FRAME) == {}


def test_a_tie_for_the_most_frequent_level_goes_by_the_alphabet():
    assert FeatureMap.fit(pd.DataFrame({"s": ["b", "a", "a", "b"]})).names == ("s[b]",)


def test_there_and_back_through_json_to_the_bit():
    features = FeatureMap.fit(FRAME.assign(hour=np.array([0.1, 0.2, 0.3, 1e17])))
    again = FeatureMap.from_dict(json.loads(json.dumps(features.to_dict())))
    assert again == features
    np.testing.assert_array_equal(again.transform(FRAME), features.transform(FRAME))


def test_no_covariates_and_constant_ones():
    empty = FeatureMap.fit(pd.DataFrame(index=range(3)))
    assert empty.names == ()
    assert empty.transform(FRAME).shape == (4, 0)
    constant = FeatureMap.fit(pd.DataFrame({"x": [0.1] * 3, "s": ["a"] * 3}))
    assert constant.names == ("x",)
    np.testing.assert_allclose(constant.transform(pd.DataFrame({"x": [0.1], "s": ["b"]})), 0, atol=1e-12)


def test_flags_and_numbers_that_come_as_words_later():
    features = FeatureMap.fit(FRAME)
    new = FRAME.assign(night=["true", "False", "0", "1"], hour=["1", "2", "3", "6"])
    np.testing.assert_array_equal(features.transform(new), features.transform(FRAME))


def test_levels_that_come_as_numbers_later():
    features = FeatureMap.fit(pd.DataFrame({"version": ["1", "1", "2"]}))
    assert features.transform(pd.DataFrame({"version": [2, 1]})).tolist() == [[1], [0]]


@pytest.mark.parametrize(
    ("new", "says"),
    [
        (FRAME.drop(columns="surface"), "covariate 'surface' is missing; the model was fitted with it; found: hour, night, count"),
        (FRAME.assign(hour=["a"] * 4), "covariate 'hour': numbers in training, and now"),
        (FRAME.assign(hour=[1, 2, np.nan, 4]), "covariate 'hour': found nan in row 3; allowed: finite numbers"),
        (FRAME.assign(night=["true", "so", "0", "1"]), "covariate 'night': found 'so' in row 2; allowed: true, false"),
    ],
)
def test_rows_unlike_the_training_rows(new: pd.DataFrame, says: str):
    with pytest.raises(DataError) as caught:
        FeatureMap.fit(FRAME).transform(new)
    assert says in caught.value.what


def test_numbers_too_large_to_be_standardised():
    with pytest.raises(DataError, match="too large"):
        FeatureMap.fit(pd.DataFrame({"x": [1e308, -1e308, 1e308]}))
