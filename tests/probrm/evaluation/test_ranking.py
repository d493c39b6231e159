from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from probrm.evaluation.ranking import Auroc, pair_accuracy
from probrm.evaluation.resample import Resamples


def _data(seed: int, n: int, clusters: int, *, ties: bool):
    generator = np.random.default_rng(seed)
    score = generator.normal(size=n)
    if ties:
        score = np.round(score)
    truth = (generator.random(n) < 1 / (1 + np.exp(-score))).astype(float)
    codes = np.r_[np.arange(clusters), generator.integers(0, clusters, n - clusters)]
    return truth, score, generator.gamma(2.0, size=n), codes


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("clusters", [40, 300])
def test_auroc_equals_sklearn_on_every_resample(ties: bool, clusters: int):
    truth, score, weight, codes = _data(0, 300, clusters, ties=ties)
    auroc = Auroc(truth, score, weight, codes)
    for counts in Resamples(clusters, 300, 50, seed=1):
        expected = [roc_auc_score(truth, score, sample_weight=weight * count[codes]) for count in counts]
        np.testing.assert_allclose(auroc(counts), expected, rtol=0, atol=1e-12)


def test_a_count_of_two_is_a_row_written_twice():
    truth, score, weight, codes = _data(3, 60, 60, ties=True)
    counts = next(iter(Resamples(60, 60, 1, seed=0)))
    rows = np.repeat(np.arange(60), counts[0].astype(int))
    written = Auroc(truth[rows], score[rows], weight[rows], np.arange(60))
    np.testing.assert_allclose(Auroc(truth, score, weight, codes)(counts), written(np.ones((1, 60))), atol=1e-12)


def test_auroc_is_undefined_where_a_resample_has_one_class():
    auroc = Auroc(np.array([0.0, 1.0]), np.array([1.0, 2.0]), np.ones(2), np.arange(2))
    np.testing.assert_array_equal(auroc(np.array([[2.0, 0.0], [1.0, 1.0], [0.0, 2.0]])), [np.nan, 1.0, np.nan])


def _enumerated(truth, score, weight, groups):
    right = total = 0.0
    for i, j in product(range(truth.size), repeat=2):
        if groups[i] == groups[j] and truth[i] == 1 and truth[j] == 0:
            total += weight[i] * weight[j]
            right += weight[i] * weight[j] * ((score[i] > score[j]) + 0.5 * (score[i] == score[j]))
    return right, total


@pytest.mark.parametrize("ties", [False, True])
def test_pair_accuracy_equals_enumeration(ties: bool):
    truth, score, weight, groups = _data(5, 80, 25, ties=ties)
    pairs = pair_accuracy(truth, score, weight, groups, groups)
    for group in range(25):
        one = groups == group
        right, total = _enumerated(truth[one], score[one], weight[one], groups[one])
        np.testing.assert_allclose([pairs.numerator[group], pairs.denominator[group]], [right, total], atol=1e-12)
    right, total = _enumerated(truth, score, weight, groups)
    assert pairs.value == pytest.approx(right / total, abs=1e-12)


def test_a_prompt_drawn_twice_brings_its_pairs_twice_and_none_between_its_copies():
    truth, score, weight, groups = _data(6, 30, 10, ties=True)
    counts = np.random.default_rng(0).multinomial(10, np.full(10, 0.1), size=5).astype(float)
    resampled = pair_accuracy(truth, score, weight, groups, groups)(counts)
    for count, value in zip(counts, resampled, strict=True):
        copies = [(np.flatnonzero(groups == g), copy) for copy, g in enumerate(np.repeat(np.arange(10), count.astype(int)))]
        rows = np.concatenate([index for index, _ in copies])
        labels = np.concatenate([np.full(index.size, copy) for index, copy in copies])
        right, total = _enumerated(truth[rows], score[rows], weight[rows], labels)
        assert value == pytest.approx(right / total, abs=1e-12)


def test_pairs_are_formed_in_groups_while_larger_clusters_are_drawn():
    truth, score, weight, groups = _data(7, 60, 20, ties=False)
    users = groups // 5
    pairs = pair_accuracy(truth, score, weight, groups, users)
    fine = pair_accuracy(truth, score, weight, groups, groups)
    np.testing.assert_allclose(pairs.numerator, fine.numerator.reshape(4, 5).sum(axis=1))
    np.testing.assert_allclose(pairs.denominator, fine.denominator.reshape(4, 5).sum(axis=1))
