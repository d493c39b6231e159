from __future__ import annotations

import numpy as np
import pytest

from probrm.evaluation import Margins, confidence_rates, ranking_score
from probrm.evaluation.confidence import RankingScore

HAND = Margins.of([2, 1, 0.5, 0, -1, -2, 3, 1], [1, -1, 0, -1, -2, -3, 2, 0.5], [3, 3, 1, 1, 1, -1, 4, 2])
"""Confident and true: the 1st, 7th and 8th (a bound on 0 is not beyond it); confident and false: the 6th; equal rewards are false."""


def test_rates_by_hand() -> None:
    assert confidence_rates(HAND) == {"win_rate": 5 / 8, "confident_true": 3 / 8, "confident_false": 1 / 8}
    weighted = confidence_rates(HAND, [1, 1, 1, 1, 1, 4, 1, 1])
    assert weighted == pytest.approx({"win_rate": 5 / 11, "confident_true": 3 / 11, "confident_false": 4 / 11}, abs=1e-12)


@pytest.mark.parametrize(("beta", "expected"), [(0.0, 3 / 5 - 1 / 3), (1.0, 3 / 8 - 1 / 8), (0.2, 0.375 / 0.7 - 0.125 / 0.5)])
def test_ranking_score_by_hand(beta: float, expected: float) -> None:
    assert float(ranking_score(3 / 8, 1 / 8, 5 / 8, beta=beta)) == pytest.approx(expected, abs=1e-12)


def test_nothing_false_costs_nothing() -> None:
    assert float(ranking_score(0.5, 0.0, 1.0, beta=0.0)) == 0.5
    assert float(ranking_score(0.0, 1.0, 0.0, beta=0.0)) == -1.0


def test_a_point_is_confident_of_everything_but_ties() -> None:
    mean = np.array([1.0, -1.0, 0.0])
    rates = confidence_rates(Margins.of(mean, mean, mean))
    assert rates == pytest.approx({"win_rate": 1 / 3, "confident_true": 1 / 3, "confident_false": 1 / 3})


def test_a_resample_is_the_data_with_clusters_repeated() -> None:
    weight, clusters = np.linspace(0.5, 2, 8), np.array([0, 0, 1, 1, 2, 2, 3, 3])
    counts = np.array([[1.0, 0, 2, 1], [0, 3, 1, 0]])
    for beta in (0.0, 0.01):
        for found, drawn in zip(RankingScore.of(HAND, weight, clusters, beta=beta)(counts), counts, strict=True):
            rows = np.repeat(np.arange(8), drawn[clusters].astype(int))
            rates = confidence_rates(HAND.kept(rows), weight[rows])
            expected = ranking_score(rates["confident_true"], rates["confident_false"], rates["win_rate"], beta=beta)
            assert found == pytest.approx(float(expected), abs=1e-12)
