"""Ranks, probabilities of being the best and regrets, against enumeration and closed forms."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from probrm.data.conversation import Conversation
from probrm.posterior.ranking import own_draws, rank_answers


@pytest.fixture
def rewards() -> Tensor:
    return torch.randn(301, 5, generator=torch.Generator().manual_seed(0)) + torch.tensor([0.0, 0.4, 0.1, -1.0, 0.3])


def test_against_a_loop(rewards: Tensor) -> None:
    found = rank_answers(rewards)
    best, ranks, advantages, regret = np.zeros(5), [], [], 0.0
    for draw in rewards.double().tolist():
        best[int(np.argmax(draw))] += 1 / 301
        ranks.append([1 + sum(other > one for other in draw) for one in draw])
        advantages.append([one - sum(draw) / 5 for one in draw])
        regret += (max(draw) - draw[found.chosen]) / 301
    np.testing.assert_allclose(found.p_best, best, atol=1e-6)
    np.testing.assert_allclose(found.rank, np.mean(ranks, 0), atol=1e-5)
    np.testing.assert_allclose([found.rank_low, found.rank_high], np.quantile(ranks, [0.05, 0.95], axis=0), atol=1e-5)
    np.testing.assert_allclose(found.advantage, np.mean(advantages, 0), atol=1e-5)
    np.testing.assert_allclose(found.advantage_low, np.quantile(advantages, 0.05, axis=0), atol=1e-5)
    assert found.regret == pytest.approx(regret)
    assert found.chosen == int(rewards.mean(0).argmax())


def test_two_normal_answers() -> None:
    """P(best) is Φ(δ/√(2(1 − ρ))) and the regret σ̃ φ(δ/σ̃) − δ Φ(−δ/σ̃); the correlation decides, not the overlap of two intervals."""
    delta, draws = 0.3, torch.randn(200_000, 2, generator=torch.Generator().manual_seed(1))
    for rho in (0.0, 0.99):
        shared = math.sqrt(rho) * draws[:, :1] + math.sqrt(1 - rho) * torch.randn(200_000, 2, generator=torch.Generator().manual_seed(2))
        found = rank_answers(shared + torch.tensor([delta, 0.0]))
        sd = math.sqrt(2 * (1 - rho))
        at = torch.tensor(delta / sd)
        assert found.p_best[0] == pytest.approx(float(torch.special.ndtr(at)), abs=0.005)
        density = math.exp(-(float(at) ** 2) / 2) / math.sqrt(2 * math.pi)
        assert found.regret == pytest.approx(sd * density - delta * float(torch.special.ndtr(-at)), abs=0.005)


def test_equal_answers_share() -> None:
    found = rank_answers(torch.tensor([[1.0, 1.0, 0.0], [0.0, 0.0, 2.0]]))
    assert found.p_best.tolist() == [0.25, 0.25, 0.5]
    assert found.rank.tolist() == [2.0, 2.0, 2.0]
    np.testing.assert_allclose(found.advantage, [-1 / 6, -1 / 6, 1 / 3], atol=1e-6)


def test_a_point_estimate_and_a_single_answer() -> None:
    point = rank_answers(torch.tensor([[0.1, 0.7]]), abstain=0.0)
    assert (point.chosen, point.abstains, point.regret, point.p_best.tolist()) == (1, False, 0.0, [0.0, 1.0])
    single = rank_answers(torch.randn(7, 1), risk="lower")
    assert (single.chosen, single.p_best.tolist(), single.rank_high.tolist(), single.advantage_low.tolist()) == (0, [1.0], [1.0], [0.0])


def test_the_lower_bound_avoids_what_is_little_known() -> None:
    generator = torch.Generator().manual_seed(3)
    wild, known = 0.4 + 3 * torch.randn(2000, 1, generator=generator), 0.1 * torch.randn(2000, 2, generator=generator)
    draws = torch.cat([known, wild], 1)
    assert rank_answers(draws).chosen == 2
    assert rank_answers(draws, risk="lower").chosen != 2


def test_abstention(rewards: Tensor) -> None:
    p = float(rank_answers(rewards).p_best.max())
    assert rank_answers(rewards, abstain=0.99 * (1 - p)).abstains
    assert not rank_answers(rewards, abstain=1.01 * (1 - p)).abstains
    assert not rank_answers(rewards).abstains


@pytest.mark.parametrize("how", [{"risk": "best"}, {"abstain": 1.5}, {"abstain": math.nan}])
def test_what_is_not_allowed(rewards: Tensor, how: dict) -> None:
    with pytest.raises(ValueError, match="allowed: n ≥ 1"):
        rank_answers(rewards, **how)


def test_own_parts_go_with_the_texts(rewards: Tensor) -> None:
    answers = [Conversation("p", text) for text in "abcae"]
    rewards[:, 3] = rewards[:, 0]
    tau = torch.full((301,), 0.8)
    own = own_draws(rewards, tau, answers)
    assert torch.equal(own[:, 3], own[:, 0])
    backwards = own_draws(rewards.flip(-1), tau, answers[::-1])
    torch.testing.assert_close(backwards.flip(-1), own)
    spread = (own - math.sqrt(1 + math.pi * 0.64 / 8) * rewards) / 0.8
    torch.testing.assert_close(spread.std(0), torch.ones(5), atol=0.01, rtol=0)
    assert float(spread[:, :3].T.corrcoef().triu(1).abs().max()) < 0.25
