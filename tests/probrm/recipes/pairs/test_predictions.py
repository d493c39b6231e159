from __future__ import annotations

import numpy as np
import pyro
import pytest
import torch
from jaxtyping import Float
from torch import Tensor

import probrm.recipes.pairs.predictions as room
from probrm.data import Batch
from probrm.model import Values
from probrm.recipes.pairs.predictions import preference_probabilities, response_rewards
from probrm.recipes.pairs.shape import PairShape
from probrm_models.bradley_terry.model import BradleyTerryModel

_GENERATOR = torch.Generator().manual_seed(0)
PAIRS = Batch({name: torch.randn(50, 4, generator=_GENERATOR) for name in ("chosen", "rejected")}, 50)
DRAWS = {"reward_weights": torch.randn(400, 4, generator=_GENERATOR) + torch.tensor([2.0, 0, 0, 0])}
MODEL = BradleyTerryModel(PairShape(4))


class Noisy(BradleyTerryModel):
    """A model that draws something for each row whenever it is asked."""

    def reward(self, values: Values, batch: Batch) -> Float[Tensor, "*s n"]:
        found = super().reward(values, batch)
        return found + torch.randn_like(found)

    def difference(self, values: Values, batch: Batch) -> Float[Tensor, "*s n"]:
        found = super().difference(values, batch)
        return found + pyro.distributions.Normal(0.0, 1.0).sample(found.shape)  # type: ignore[attr-defined]


def test_they_are_means_and_quantiles_over_the_draws() -> None:
    found = preference_probabilities(MODEL, DRAWS, PAIRS)
    d = (PAIRS["chosen"] - PAIRS["rejected"]).double().numpy() @ DRAWS["reward_weights"].double().numpy().T / 2
    p = 1 / (1 + np.exp(-d))
    np.testing.assert_allclose(found.p_chosen, p.mean(1), atol=1e-6)
    np.testing.assert_allclose(found.p_chosen_low, np.quantile(p, 0.05, axis=1), atol=1e-6)
    np.testing.assert_allclose(found.p_chosen_high, np.quantile(p, 0.95, axis=1), atol=1e-6)
    assert found.p_chosen.dtype == np.float32


def test_chunks_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = preference_probabilities(MODEL, DRAWS, PAIRS)
    monkeypatch.setattr(room, "_NUMBERS", 7 * 400)
    parts = preference_probabilities(MODEL, DRAWS, PAIRS)
    np.testing.assert_allclose(parts.p_chosen, whole.p_chosen, atol=1e-6)
    np.testing.assert_allclose(parts.p_chosen_low, whole.p_chosen_low, atol=1e-6)


def test_no_pairs() -> None:
    assert preference_probabilities(MODEL, DRAWS, PAIRS.slice(0, 0)).p_chosen.shape == (0,)


def test_asked_twice_a_model_that_draws_says_the_same_and_the_global_stream_is_left_alone() -> None:
    model, before = Noisy(PairShape(4)), torch.get_rng_state()
    first, second = (preference_probabilities(model, DRAWS, PAIRS, seed=3) for _ in range(2))
    other = preference_probabilities(model, DRAWS, PAIRS, seed=4)
    assert np.array_equal(first.p_chosen, second.p_chosen)
    assert not np.array_equal(first.p_chosen, other.p_chosen)
    single = Batch({"response": PAIRS["chosen"]}, 50)
    rewards = [response_rewards(model, DRAWS, single, seed=seed).reward for seed in (3, 3, 4)]
    assert np.array_equal(rewards[0], rewards[1])
    assert not np.array_equal(rewards[0], rewards[2])
    assert torch.equal(before, torch.get_rng_state())


def test_probability_of_a_single_response_is_that_of_a_win_against_reward_zero() -> None:
    found = response_rewards(MODEL, DRAWS, Batch({"response": PAIRS["chosen"]}, 50))
    against = preference_probabilities(MODEL, DRAWS, Batch({"chosen": PAIRS["chosen"], "rejected": torch.zeros(50, 4)}, 50))
    np.testing.assert_allclose(found.probability, against.p_chosen, atol=1e-6)
