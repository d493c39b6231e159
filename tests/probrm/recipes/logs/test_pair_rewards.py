"""What a run fitted to a log says of pairs, against draws of both answers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import probrm
from probrm.data import Batch
from probrm.heads.own_part import own_logit
from probrm.model import RewardModel
from probrm.recipes.logs.pair_rewards import pair_rewards
from probrm.recipes.logs.scoring import text_batch
from tests import support


@pytest.fixture(scope="module")
def run() -> Any:
    return probrm.load(support.short_run_path())


def sides(run: Any, m: int = 12) -> tuple[Batch, Batch]:
    vectors = torch.randn(2 * m, 6, generator=torch.Generator().manual_seed(1))
    return text_batch(run, vectors[:m]), text_batch(run, vectors[m:])


def test_against_simulated_answers(run: Any) -> None:
    """Both rewards of a draw, and parts of their own that are independent of each other."""
    chosen, rejected = sides(run)
    found = pair_rewards(run.model, run.draws, chosen, rejected)
    first, second = (run.model.reward(run.draws, side) for side in (chosen, rejected))
    tau = run.model.own_spread(run.draws)
    assert tau is not None
    times, generator = 400, torch.Generator().manual_seed(2)

    def own(reward: Tensor) -> Tensor:
        part = torch.randn(times, *reward.shape, generator=generator)
        return torch.stack([own_logit(reward, tau, one) for one in part])

    gap = (own(first) - own(second)).flatten(0, 1)
    np.testing.assert_allclose(found.p_better, (gap > 0).float().mean(0), atol=0.01)
    outside = [(gap.sigmoid() < torch.from_numpy(found.p_chosen_low)), (gap.sigmoid() > torch.from_numpy(found.p_chosen_high))]
    for beyond in outside:  # 5 %, within 3 standard errors of a quantile of 500 draws
        np.testing.assert_allclose(beyond.float().mean(0), 0.05, atol=3 * (0.05 * 0.95 / support.DRAWS) ** 0.5)
    np.testing.assert_allclose(found.p_chosen, (first - second).sigmoid().mean(0), atol=1e-5)
    ends = torch.quantile(first - second, torch.tensor([0.05, 0.95]), dim=0)
    np.testing.assert_allclose([found.reward_difference_low, found.reward_difference_high], ends, atol=1e-5)


def test_a_point_estimate_has_no_posterior(run: Any) -> None:
    one = {name: value[:1] for name, value in run.draws.items()}
    found = pair_rewards(run.model, one, *sides(run))
    assert np.isnan(found.p_better).all()
    for name in ("reward_difference", "p_chosen"):
        np.testing.assert_array_equal(getattr(found, f"{name}_low"), getattr(found, name))


class Halved(RewardModel):
    """A reward whose probability is half of the logistic one: an answer is liked at most every other time."""

    def forward(self, batch: Batch) -> None:
        raise NotImplementedError

    def log_likelihood(self, values: Any, batch: Batch) -> Tensor:
        raise NotImplementedError

    def reward(self, values: Any, batch: Batch) -> Tensor:
        return values["w"][:, None] * batch["embedding"][:, 0]

    def probability(self, reward: Tensor, values: Any) -> Tensor:
        return reward.sigmoid() / 2


def test_another_link_than_the_logistic_one() -> None:
    """P(first liked, second not | one of them is), from the two probabilities themselves."""
    x = torch.tensor([[2.0], [-1.0], [0.3]])
    draws = {"w": torch.tensor([1.0, 0.5, -0.2])}
    found = pair_rewards(Halved(), draws, Batch({"embedding": x}, 3), Batch({"embedding": -x}, 3))
    a, b = (Halved().probability(draws["w"][:, None] * sign * x[:, 0], draws) for sign in (1, -1))
    np.testing.assert_allclose(found.p_chosen, (a * (1 - b) / (a * (1 - b) + b * (1 - a))).mean(0), atol=1e-5)
    np.testing.assert_allclose(found.p_better, [2 / 3, 1 / 3, 2 / 3], atol=1e-6)
