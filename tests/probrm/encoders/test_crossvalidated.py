from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from probrm.encoders import crossvalidated
from probrm.encoders.crossvalidated import held_out


def rows(n: int, d: int, *, groups: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    draw = np.random.default_rng(seed)
    features = draw.normal(size=(n, d))
    outcome = (draw.random(n) < 1 / (1 + np.exp(-features[:, 0] - 0.5))).astype(float)
    return features, outcome, draw.integers(groups, size=n)


def by_hand(features: np.ndarray, outcome: np.ndarray, group: np.ndarray, columns: np.ndarray, precision: float) -> np.ndarray:
    """Each group left out in turn, by scikit-learn; its penalty is one for all columns, so these are scaled."""
    best = None
    for scale in crossvalidated.SCALES:
        design = np.concatenate([features / np.sqrt(features.shape[1]) * scale, columns / np.sqrt(precision)], 1)
        found = np.zeros(len(outcome))
        for held in np.unique(group):
            train = group != held
            fit = LogisticRegression(C=1.0, fit_intercept=False, tol=1e-10, max_iter=1000).fit(design[train], outcome[train])
            found[~train] = fit.predict_log_proba(design[~train])[np.arange((~train).sum()), outcome[~train].astype(int)]
        best = found if best is None or found.mean() > best.mean() else best
    assert best is not None
    return best


@pytest.mark.parametrize("d", [4, 150], ids=["fewer columns than rows", "more"])
def test_each_prompt_left_out_in_turn_is_what_scikit_learn_gives(d: int) -> None:
    features, outcome, group = rows(90, d, groups=6)
    ones = np.ones((90, 1))
    found = held_out(features, outcome, group, beside=(ones, np.array([0.5])))
    np.testing.assert_allclose(found, by_hand(features, outcome, group, ones, 0.5), atol=2e-3)


def test_weights_are_rows_counted_so_often() -> None:
    features, outcome, group = rows(60, 3, groups=8)
    weight = np.random.default_rng(1).integers(1, 4, 60).astype(float)
    often = np.repeat(np.arange(60), weight.astype(int))
    weighted = held_out(features, outcome, group, weight=weight)
    repeated = held_out(features[often], outcome[often], group[often])
    np.testing.assert_allclose(weighted[often], repeated, atol=1e-3)


def test_a_group_says_nothing_about_itself() -> None:
    """An indicator of the group predicts the outcome perfectly, and only within the group."""
    group = np.repeat(np.arange(20), 5)
    outcome = (group % 2).astype(float)
    found = held_out(np.eye(20)[group], outcome, group)
    assert found.mean() == pytest.approx(np.log(0.5), abs=1e-3)


def test_ties_and_a_single_group() -> None:
    features, _, group = rows(50, 3, groups=5)
    assert np.isfinite(held_out(features, np.full(50, 0.5), group)).all()
    np.testing.assert_allclose(held_out(features, np.ones(50), np.zeros(50, int)), np.log(0.5), atol=1e-6)


def test_few_rows_are_split_more_than_once() -> None:
    assert crossvalidated._training(np.arange(100)).shape == (100, 30)
    assert crossvalidated._training(np.arange(2000)).shape == (2000, 10)
    assert crossvalidated._training(np.arange(100) % 4).shape == (100, 4)  # leaving one out is one split
    assert (crossvalidated._training(np.arange(100)) == 0).sum(1).tolist() == [3] * 100
