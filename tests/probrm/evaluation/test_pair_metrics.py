from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, roc_auc_score

from probrm.errors import DataError
from probrm.evaluation import PairPredictions, evaluate_pairs
from probrm.evaluation.pair_metrics import draw_pair_metrics
from probrm.evaluation.pairs import pairs_as_rows
from probrm.evaluation.resample import Resamples


def _metric(p, name: str, **more):
    return evaluate_pairs(PairPredictions(p), prompts=None, bootstrap=0, **more).metrics[name]


def test_values_by_hand():
    p = np.array([0.9, 0.6, 0.5, 0.2])
    metrics = evaluate_pairs(PairPredictions(p), prompts=None, bootstrap=0).metrics
    assert metrics["accuracy"].value == pytest.approx(2.5 / 4)
    assert metrics["pair_accuracy"] == metrics["accuracy"]
    assert metrics["nll"].value == pytest.approx(-np.log(p).mean())
    assert metrics["brier"].value == pytest.approx(((1 - p) ** 2).mean())
    assert metrics["accuracy_certain_half"].value == pytest.approx(1 / 2)
    # Certainties: right .4 and .1, wrong .3, half of each at 0. Right over wrong, weight 2.5 · 1.5:
    # .4 beats .3 and 0 (1 + .5); .1 beats 0 (.5); the half at 0 ties with the other half (.25 / 2).
    assert metrics["certainty_auroc"].value == pytest.approx((1.5 + 0.5 + 0.125) / (2.5 * 1.5))
    assert metrics["aurc"].value == pytest.approx((0 + 1 / 2 + 1 / 3 + 1.5 / 4) / 4)


def test_a_pair_counts_with_its_weight_and_not_with_its_square():
    p = np.array([0.9, 0.2, 0.7])
    assert _metric(p, "accuracy", weight=[1, 2, 3]).value == pytest.approx(4 / 6)
    assert _metric(p, "pair_accuracy", weight=[1, 2, 3]).value == pytest.approx(4 / 6)
    assert _metric(p, "accuracy:a", weight=[1, 2, 3], subset=["a", "a", "b"]).value == pytest.approx(1 / 3)


def test_every_resample_equals_scikit_learn_on_the_pairs_written_out():
    generator = np.random.default_rng(0)
    m, prompts = 150, 40
    p = np.round(generator.random(m), 3)
    p[p == 0.5] = 0.501
    weight, ids = generator.gamma(2.0, size=m), np.r_[np.arange(prompts), generator.integers(0, prompts, m - prompts)]
    inside = np.flatnonzero(generator.random(m) < 0.5)
    sample, predictions = pairs_as_rows(p, prompts=list(ids), weight=weight)
    resamples = Resamples(sample.n_clusters, sample.rows, 30, 1)
    drawn = draw_pair_metrics(sample, predictions, {"half": inside}, resamples)
    (counts,) = list(resamples)
    for b, count in enumerate(counts):
        rows = np.repeat(np.arange(m), count[sample.clusters[:m]].astype(int))
        correct, certain, w = p[rows] > 0.5, np.abs(p[rows] - 0.5).round(12), weight[rows]
        within = np.isin(rows, inside)
        expected = {
            "accuracy": accuracy_score(np.ones(rows.size), correct, sample_weight=w),
            "pair_accuracy": accuracy_score(np.ones(rows.size), correct, sample_weight=w),
            "accuracy:half": accuracy_score(np.ones(within.sum()), correct[within], sample_weight=w[within]),
            "certainty_auroc": roc_auc_score(correct, certain, sample_weight=w),
            "auroc": roc_auc_score(
                np.r_[np.ones(rows.size), np.zeros(rows.size)], np.r_[p[rows], 1 - p[rows]].round(12), sample_weight=np.r_[w, w]
            ),
        }
        for name, value in expected.items():
            assert drawn[name].draws[b] == pytest.approx(value, abs=1e-12), name


@pytest.mark.parametrize(("p", "word"), [([0.9, 0.8], "right"), ([0.1, 0.2], "wrong")])
def test_certainty_tells_nothing_apart_where_all_are_right_or_all_are_wrong(p: list[float], word: str):
    metric = evaluate_pairs(PairPredictions(p), prompts=None, bootstrap=20).metrics["certainty_auroc"]
    assert np.isnan([metric.value, metric.low, metric.high]).all()
    assert metric.reason == f"every prediction is {word}, so there is nothing to separate"


def test_a_coin_s_certainty_is_worth_one_half():
    metrics = evaluate_pairs(PairPredictions([0.5, 0.5]), prompts=None, bootstrap=0).metrics
    assert {name: metrics[name].value for name in ("accuracy", "certainty_auroc", "accuracy_certain_half", "aurc")} == {
        "accuracy": 0.5,
        "certainty_auroc": 0.5,
        "accuracy_certain_half": 0.5,
        "aurc": 0.5,
    }


def test_kept_predictions_are_checked_before_rows_are_dropped_so_that_the_row_named_is_the_file_s():
    with pytest.raises(DataError, match="row 3, 'probability'"):
        PairPredictions([0.5, 0.5, 1.5]).kept(np.array([2]))
    kept = PairPredictions([0.5, 0.6, 0.7], low=[0.4, 0.5, 0.6], high=[0.6, 0.7, 0.8]).kept(np.array([0, 2]))
    assert kept.low is not None
    np.testing.assert_array_equal([kept.p_chosen, kept.low, kept.high], [[0.5, 0.7], [0.4, 0.6], [0.6, 0.8]])
