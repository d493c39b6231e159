from __future__ import annotations

import numpy as np
import pytest

from probrm.errors import DataError
from probrm.evaluation import Sample, evaluate, labelled_pairs, pairs_as_rows


def test_metrics_of_pairs_by_hand():
    chosen = np.array([0.9, 0.6, 0.5, 0.2])
    evaluation = evaluate(*pairs_as_rows(chosen), bootstrap=0)
    assert evaluation.rows == 4
    assert evaluation.metrics["pair_accuracy"].value == pytest.approx(2.5 / 4)
    assert evaluation.metrics["nll"].value == pytest.approx(-np.log(chosen).mean())
    assert evaluation.metrics["brier"].value == pytest.approx(((1 - chosen) ** 2).mean())


def test_weights_and_prompts():
    sample, predictions = pairs_as_rows([0.9, 0.2, 0.7], prompts=["a", "a", "b"], weight=[1, 2, 3])
    assert (sample.rows, sample.observations, sample.n_clusters, sample.unit) == (6, 3, 2, "prompts")
    assert evaluate(sample, predictions, bootstrap=0).metrics["pair_accuracy"].value == pytest.approx((1 + 9) / (1 + 4 + 9))


def test_which_response_stands_first_does_not_matter_for_calibration():
    """A model that says 0.7 and is right in 70 % of pairs is calibrated, though "chosen is preferred" holds in every row."""
    chosen = np.r_[np.full(70, 0.7), np.full(30, 0.3)]
    assert evaluate(*pairs_as_rows(chosen), bootstrap=0).metrics["ece"].value == pytest.approx(0.0, abs=1e-12)


def test_the_bootstrap_draws_pairs_and_never_half_a_pair():
    generator = np.random.default_rng(0)
    chosen = generator.random(400)
    metric = evaluate(*pairs_as_rows(chosen), bootstrap=500).metrics["pair_accuracy"]
    right = np.mean(chosen > 0.5)
    # The width of an exact binomial interval for 400 pairs, not for 800 rows.
    assert metric.high - metric.low == pytest.approx(2 * 1.645 * np.sqrt(right * (1 - right) / 400), rel=0.15)


def test_bounds_and_true_probabilities_turn_with_the_pair():
    sample, predictions = pairs_as_rows([0.5, 0.5], low=[0.4, 0.1], high=[0.7, 0.9], true_probability=[0.65, 0.95])
    assert evaluate(sample, predictions, bootstrap=0).metrics["coverage"].value == pytest.approx(0.5)


def test_probabilities_are_checked():
    with pytest.raises(DataError, match="row 2, 'probability'"):
        pairs_as_rows([0.5, 1.5])


def test_labelled_rows_of_one_group_make_pairs() -> None:
    """Two liked and one other answer to a, one of each to c, weights multiplied; b has liked ones only, and rows stand in no order."""
    sample = Sample.of([1, 0, 1, 1, 1, 0], groups=["a", "a", "b", "c", "a", "c"], weight=[1, 2, 3, 4, 5, 6])
    first, second, weight = labelled_pairs(sample)
    found = {(int(i), int(j)): float(w) for i, j, w in zip(first, second, weight, strict=True)}
    assert found == {(0, 1): 2, (4, 1): 10, (3, 5): 24}


def test_labels_that_are_alike_within_every_prompt_make_none() -> None:
    with pytest.raises(DataError, match=r"no prompt has an answer with label 1 and one with label 0: 3 labelled rows, 2 prompts"):
        labelled_pairs(Sample.of([1, 1, 0], groups=["a", "a", "b"]))
