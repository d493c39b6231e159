from __future__ import annotations

from typing import Any, cast

import pytest
import scipy.stats
import torch
from sklearn.metrics import roc_auc_score

from probrm.inference.rank_correlation import auroc, spearman

st = cast(Any, scipy.stats)


@pytest.mark.parametrize("round_", [False, True], ids=["no ties", "ties"])
@pytest.mark.parametrize("noise", [0.0, 0.5, 3.0])
@pytest.mark.parametrize("sign", [1, -1])
def test_it_is_scipys(noise: float, sign: int, round_: bool) -> None:
    a = torch.randn(300)
    b = sign * a.exp() + noise * torch.randn(300)
    if round_:
        a, b = a.round(), b.round()
    assert spearman(a, b) == pytest.approx(float(st.spearmanr(a.numpy(), b.numpy()).statistic), abs=1e-9)


def test_a_ranking_that_does_not_rank_agrees_with_none() -> None:
    rising, constant = torch.arange(50.0), torch.full((50,), 2.0)
    assert spearman(rising, constant) == spearman(constant, rising) == 0.0
    assert spearman(constant, constant + 1) == 1.0


def test_one_row_ranks_nothing() -> None:
    assert spearman(torch.ones(1), torch.zeros(1)) == 1.0


def test_rewards_that_differ_by_a_rising_function_agree_whatever_their_ties() -> None:
    """Answers that stand in a log several times."""
    a = torch.randn(40)[torch.arange(2000) % 40]
    assert spearman(a, a.exp()) == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize("digits", [0, 6], ids=["ties", "no ties"])
@pytest.mark.parametrize("shift", [-1.0, 0.0, 2.0])
def test_the_area_under_the_curve_is_scikit_learns(shift: float, digits: int) -> None:
    label = (torch.rand(200) < 0.3).float()
    score = (torch.randn(200) + shift * label).round(decimals=digits)
    assert auroc(label, score) == pytest.approx(roc_auc_score(label.numpy(), score.numpy()), abs=1e-12)
