"""The linear layer against the run's own rewards."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import probrm
from probrm.errors import ConfigError
from probrm.exports.linear import linear_reward
from probrm.posterior import predict_rewards
from probrm.runs import find_recipe
from tests.small_runs import tiny_run

SAVED = Path(__file__).parents[2] / "saved_runs"


@pytest.mark.parametrize("kind", ["implicit", "naive", "bradley-terry"])
def test_it_is_the_mean_over_the_draws(kind: str) -> None:
    """On vectors that the layer was not read off at, near and far."""
    run = probrm.load(SAVED / kind)
    recipe = find_recipe(run.kind)
    found = linear_reward(recipe, run)
    vectors = torch.randn(50, len(found.weights), generator=torch.Generator().manual_seed(1)) * torch.logspace(-2, 0.5, 50)[:, None]
    expected = predict_rewards(run.model, run.draws, recipe.vector_batch(run, vectors)).reward
    np.testing.assert_allclose(vectors.double() @ found.weights + found.intercept, expected, rtol=2e-5, atol=2e-5)


class Bent(torch.nn.Module):
    """A trunk of a user's own that is no straight line."""

    out_dim = 32

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.tanh(x) / 32**0.5


def test_a_bent_head_is_refused() -> None:
    run = copy.deepcopy(tiny_run("bert"))
    run.model.trunk = Bent()
    with pytest.raises(ConfigError, match="not linear in an answer's vector") as caught:
        linear_reward(find_recipe(run.kind), run)
    assert "linear head" in caught.value.fix


@pytest.mark.parametrize(
    ("kind", "message"), [("vrm", "depends on the prompt's own vector"), ("naive", "the run's reward has covariates \\(hour\\)")]
)
def test_what_depends_on_more_than_the_vector(kind: str, message: str) -> None:
    settings: dict[str, Any] = {"data": {"reward_features": ["hour"]}}
    run = probrm.load(SAVED / kind) if kind == "vrm" else tiny_run("bert", model=kind, extra=settings)
    with pytest.raises(ConfigError, match=message):
        linear_reward(find_recipe(run.kind), run)
