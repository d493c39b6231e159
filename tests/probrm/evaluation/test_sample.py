from __future__ import annotations

import numpy as np
import pytest

from probrm.errors import DataError
from probrm.evaluation import Predictions, Sample


@pytest.mark.parametrize("bad", [0.5, 2.0, np.nan])
def test_a_truth_other_than_0_or_1_names_the_first_row(bad: float):
    with pytest.raises(DataError, match=r"row 3, 'truth': found .*\(2 such rows\); allowed: 0 and 1"):
        Sample.of([0, 1, bad, 1, bad])


@pytest.mark.parametrize("bad", [0.0, -1.0, np.nan, np.inf])
def test_weights_are_positive_and_finite(bad: float):
    with pytest.raises(DataError, match="row 2, 'weight'"):
        Sample.of([0, 1], weight=[1.0, bad])


def test_no_rows():
    with pytest.raises(DataError, match="no rows"):
        Sample.of([])


@pytest.mark.parametrize("bad", [-0.1, 1.1, np.nan])
def test_probabilities_are_probabilities(bad: float):
    with pytest.raises(DataError, match="row 1, 'probability'"):
        Predictions.of([bad, 0.5])


def test_scores_are_finite():
    with pytest.raises(DataError, match="row 2, 'score'"):
        Predictions.of([0.1, 0.5], score=[0.0, np.inf])


def test_bounds_come_in_order_and_together():
    with pytest.raises(DataError, match="row 2, 'probability_high'"):
        Predictions.of([0.1, 0.5], low=[0.0, 0.4], high=[0.2, 0.3])
    with pytest.raises(ValueError, match="both bounds"):
        Predictions.of([0.1], low=[0.0])


def test_lengths_must_agree():
    with pytest.raises(ValueError, match="weight has shape"):
        Sample.of([0, 1], weight=[1.0])
    with pytest.raises(ValueError, match="groups has 1 entries; expected 2"):
        Sample.of([0, 1], groups=["a"])


def test_ids_may_be_of_any_hashable_type_mixed_missing_or_nested():
    chat = (("user", "hi"), ("assistant", "yes?"))
    other = (("user", "hi"), ("assistant", "no."))
    sample = Sample.of([0, 1, 0, 1, 1, 0, 0], groups=[chat, other, chat, "text", 7, None, None])
    assert sample.groups is not None
    assert sample.groups.tolist() == [0, 1, 0, 2, 3, 4, 4]
    assert sample.n_clusters == 5


def test_rows_are_the_clusters_where_there_are_no_groups():
    sample = Sample.of([0, 1, 1])
    assert sample.clusters.tolist() == [0, 1, 2]
    assert sample.unit == "rows"


def test_a_group_lies_in_one_cluster():
    assert Sample.of([0, 1, 1], groups=["a", "a", "b"], clusters=["x", "x", "x"]).n_clusters == 1
    with pytest.raises(ValueError, match="spread over several clusters"):
        Sample.of([0, 1, 1], groups=["a", "a", "b"], clusters=["x", "y", "x"])
