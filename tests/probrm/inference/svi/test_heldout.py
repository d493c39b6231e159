from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import numpy as np
import pytest
import scipy.stats
import torch

from probrm.data.batch import Batch
from probrm.inference import held_out_score, pointwise_log_predictive
from probrm.model import RewardModel

st = cast(Any, scipy.stats)  # its frozen distributions have no types

Make = Callable[..., RewardModel]


def test_is_the_log_of_the_average_density(regression: Make, simulated: Callable[..., Batch]) -> None:
    batch, model = simulated(20, 3).to(dtype=torch.float64), regression(3)
    draws = {"weights": torch.randn(50, 3).double()}
    means = (draws["weights"] @ batch["x"].T).numpy()
    expected = np.log(st.norm(means, 0.7).pdf(batch["y"].numpy()).mean(0))
    assert pointwise_log_predictive(model, draws, batch).numpy() == pytest.approx(expected, abs=1e-8)
    assert held_out_score(model, draws, batch) == pytest.approx(expected.mean(), abs=1e-8)


def test_chunks_make_no_difference(regression: Make, simulated: Callable[..., Batch], monkeypatch: pytest.MonkeyPatch) -> None:
    batch, model = simulated(20, 3), regression(3)
    draws = {"weights": torch.randn(50, 3)}
    whole = pointwise_log_predictive(model, draws, batch)
    monkeypatch.setattr("probrm.inference.svi.heldout._NUMBERS", 50 * 3)
    assert torch.allclose(pointwise_log_predictive(model, draws, batch), whole, atol=1e-6)


def test_far_tails_do_not_underflow(regression: Make, simulated: Callable[..., Batch]) -> None:
    batch, model = simulated(5, 3), regression(3)
    found = pointwise_log_predictive(model, {"weights": torch.full((4, 3), 1e4)}, batch)
    assert torch.isfinite(found).all()
    assert float(found.min()) < -1e6


def test_the_score_leaves_the_random_stream_alone(regression: Make, simulated: Callable[..., Batch]) -> None:
    before = torch.get_rng_state()
    held_out_score(regression(3), {"weights": torch.randn(4, 3, generator=torch.Generator())}, simulated(5, 3))
    assert torch.equal(torch.get_rng_state(), before)
