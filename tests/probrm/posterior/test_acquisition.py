"""Information of labels against enumeration, and the greedy batch against all batches."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch

from probrm.posterior import acquire, bald, batch_information


def draws(n: int, *, seed: int, spread: float = 1.0, count: int = 200) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    features = torch.randn(n, 3, generator=generator)
    return (torch.randn(count, 3, generator=generator) * spread @ features.T).sigmoid()


def test_bald_is_the_mutual_information_of_label_and_draw() -> None:
    """By enumeration of both labels and all draws."""
    p = draws(6, seed=0).double()
    for row in range(6):
        joint = torch.stack([p[:, row], 1 - p[:, row]]) / len(p)
        alone = joint.sum(1, keepdim=True) * joint.sum(0, keepdim=True)
        assert float(bald(p)[row]) == pytest.approx(float((joint * (joint / alone).log()).sum()), abs=1e-10)
    assert float(bald(torch.tensor([[0.0], [1.0]]))) == pytest.approx(math.log(2))
    assert float(bald(torch.full((5, 1), 0.3))) == pytest.approx(0, abs=1e-6)


def test_moments_of_labels_are_those_of_drawn_ones() -> None:
    """The covariance that ``batch_information`` is made of, against labels that are drawn; 5 standard errors."""
    p = draws(4, seed=1, count=50).double()
    which = torch.randint(50, (200_000,), generator=torch.Generator().manual_seed(2))
    labels = (torch.rand(200_000, 4, generator=torch.Generator().manual_seed(3)) < p[which]).double()
    centred = p - p.mean(0)
    expected = centred.T @ centred / len(p) + torch.diag((p * (1 - p)).mean(0))
    assert (torch.cov(labels.T) - expected).abs().max() < 5 * 0.25 / 200_000**0.5


def test_gains_add_up_to_what_the_batch_tells() -> None:
    p = draws(12, seed=4)
    found = acquire(p, 5)
    assert found.gain.sum() == pytest.approx(batch_information(p[:, found.rows]), rel=1e-9)
    assert (np.diff(found.gain) <= 1e-12).all()
    np.testing.assert_allclose(found.alone, bald(p.double()[:, found.rows]), rtol=1e-9)
    assert len(set(found.rows.tolist())) == 5


@pytest.mark.parametrize("seed", range(5))
def test_the_batch_is_nearly_the_best_of_all(seed: int) -> None:
    p = draws(9, seed=seed)
    best = max(batch_information(p[:, list(some)]) for some in itertools.combinations(range(9), 3))
    found = batch_information(p[:, acquire(p, 3).rows])
    assert (1 - 1 / math.e) * best <= found <= best + 1e-9
    assert found > 0.95 * best


def test_rows_that_say_the_same_are_not_asked_about_twice() -> None:
    """The two most informative rows by themselves are copies: the second of them comes after a row about something else."""
    generator = torch.Generator().manual_seed(0)
    one, other = (torch.randn(2000, generator=generator) for _ in range(2))
    p = torch.stack([3 * one, 3 * one, 2.5 * other], 1).sigmoid()
    assert bald(p.double()).argsort(descending=True)[-1] == 2
    assert acquire(p, 2).rows.tolist()[1] == 2


def test_more_rows_than_there_are() -> None:
    assert sorted(acquire(draws(3, seed=0), 10).rows.tolist()) == [0, 1, 2]
    for p, budget in ((draws(3, seed=0), 0), (draws(3, seed=0)[:1], 2)):
        with pytest.raises(ValueError, match="allowed"):
            acquire(p, budget)
