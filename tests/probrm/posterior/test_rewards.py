from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from probrm.data.batch import Batch
from probrm.model import RewardModel
from probrm.posterior import predict_rewards
from probrm.posterior import rewards as room


@pytest.fixture
def draws() -> dict[str, Tensor]:
    return {"weights": torch.randn(400, 3, generator=torch.Generator().manual_seed(0))}


def test_against_numpy(regression: Callable[..., RewardModel], simulated: Callable[..., Batch], draws: dict[str, Tensor]) -> None:
    batch = simulated(50, 3)
    found = predict_rewards(regression(3), draws, batch)
    reward = draws["weights"].double().numpy() @ batch["x"].double().numpy().T
    probability = 1 / (1 + np.exp(-reward))
    np.testing.assert_allclose(found.reward, reward.mean(0), atol=1e-5)
    np.testing.assert_allclose(found.reward_sd, reward.std(0, ddof=1), atol=1e-5)
    np.testing.assert_allclose([found.reward_low, found.reward_high], np.quantile(reward, [0.05, 0.95], axis=0), atol=1e-5)
    np.testing.assert_allclose(found.probability, probability.mean(0), atol=1e-6)
    np.testing.assert_allclose([found.probability_low, found.probability_high], np.quantile(probability, [0.05, 0.95], axis=0), atol=1e-3)
    np.testing.assert_allclose(found.epistemic_sd, probability.std(0), atol=1e-6)
    np.testing.assert_allclose(found.aleatoric_sd, np.sqrt((probability * (1 - probability)).mean(0)), atol=1e-6)
    assert {value.dtype for value in vars(found).values()} == {np.dtype(np.float32)}


def test_rows_in_blocks_give_the_same(
    regression: Callable[..., RewardModel], simulated: Callable[..., Batch], draws: dict[str, Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = simulated(50, 3)
    whole = predict_rewards(regression(3), draws, batch)
    monkeypatch.setattr(room, "_NUMBERS", 400 * 7)
    blocks = predict_rewards(regression(3), draws, batch)
    for name, value in vars(whole).items():
        np.testing.assert_allclose(getattr(blocks, name), value, atol=1e-6)


def test_the_largest_block_is_within_what_torch_sorts(regression: Callable[..., RewardModel], simulated: Callable[..., Batch]) -> None:
    """torch.quantile refuses more than 16 million numbers."""
    draws = {"weights": torch.zeros(4000, 1)}
    assert predict_rewards(regression(1), draws, simulated(4500, 1)).reward.shape == (4500,)


def test_no_rows(regression: Callable[..., RewardModel], draws: dict[str, Tensor]) -> None:
    found = predict_rewards(regression(3), draws, Batch({"x": torch.zeros(0, 3)}, 0))
    assert {value.shape for value in vars(found).values()} == {(0,)}


def test_progress_counts_rows(regression: Callable[..., RewardModel], simulated: Callable[..., Batch], draws: dict[str, Tensor]) -> None:
    from contextlib import contextmanager

    seen: list[Any] = []

    class Counting:
        @contextmanager
        def task(self, label: str, total: int) -> Iterator[Any]:
            seen.append(total)
            yield lambda n=1, **_: seen.append(n)

    predict_rewards(regression(3), draws, simulated(50, 3), progress=Counting())
    assert seen[0] == sum(seen[1:]) == 50


def test_one_draw_has_no_spread(regression: Callable[..., RewardModel], simulated: Callable[..., Batch]) -> None:
    """A point estimate: a deviation of 0, and an interval of no width."""
    found = predict_rewards(regression(3), {"weights": torch.tensor([[1.0, -2.0, 0.5]])}, simulated(20, 3))
    np.testing.assert_array_equal(found.reward_sd, 0)
    np.testing.assert_array_equal(found.epistemic_sd, 0)
    np.testing.assert_array_equal(found.reward_low, found.reward_high)
    assert np.isfinite(found.reward).all()
