from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from probrm.data import Batch
from probrm.recipes.pairs.predictions import preference_probabilities, response_rewards
from probrm_models.vrm.inspection import objective_weights
from probrm_models.vrm.objectives.given_weights import with_weights
from probrm_models.vrm.objectives.scores import objective_scores
from tests import vrm_rows


def single(rows: Batch) -> Batch:
    return Batch({"prompt": rows["prompt"], "response": rows["chosen"]}, len(rows))


def test_rewards_are_those_worked_out_from_the_draws() -> None:
    model, rows = vrm_rows.model(3), vrm_rows.pairs(12)
    draws = vrm_rows.draws(model, 2000)
    w = torch.tensor([0.5, 0.2, 0.3])
    found = response_rewards(with_weights(model, dict(zip("abc", w.tolist(), strict=True))), draws, single(rows))
    by_hand = torch.einsum("k,skd,nd->sn", w, model.objectives(draws), model.inputs(rows["chosen"]))
    spread = (by_hand.var(0) + draws["residual"].square().mean() * w.square().sum()).sqrt()  # and what the embedding does not tell
    np.testing.assert_allclose(found.reward, by_hand.mean(0), atol=5 * float(spread.max()) / 2000**0.5)
    np.testing.assert_allclose(found.reward_sd, spread, rtol=0.1)


def test_all_the_weight_on_one_objective_gives_its_score() -> None:
    """The residual's draws stand there with their negatives, so their mean is 0 where τ is the same in all draws."""
    model, rows = vrm_rows.model(3), vrm_rows.pairs(12)
    draws = vrm_rows.draws(model) | {"residual": torch.ones(200)}
    scores = objective_scores(model, draws, rows["chosen"])
    for k, name in enumerate("abc"):
        weights = dict.fromkeys("abc", 0.0) | {name: 1.0}
        np.testing.assert_allclose(response_rewards(with_weights(model, weights), draws, single(rows)).reward, scores[:, k], atol=1e-5)


def test_the_prompts_own_expected_weights_give_its_own_rewards() -> None:
    model = vrm_rows.shaken(vrm_rows.model(2), 0.2)
    rows = vrm_rows.pairs(4)  # one prompt
    draws = vrm_rows.draws(model, 4000)
    expected = model.weights.mean(rows["prompt"][:1])[0].tolist()
    ours = response_rewards(with_weights(model, dict(zip("ab", expected, strict=True))), draws, single(rows))
    own = response_rewards(model, draws, single(rows))
    np.testing.assert_allclose(ours.reward, own.reward, atol=5 * float(own.reward_sd.max()) / 4000**0.5)


@pytest.mark.parametrize("settings", [{}, vrm_rows.STANDARD, {"weights": {"family": "logistic-normal"}}])
def test_pairs_and_columns_of_weights(settings: dict[str, Any]) -> None:
    model, rows = vrm_rows.model(2, **settings), vrm_rows.pairs(12)
    changed, draws = with_weights(model, {"a": 0.25, "b": 0.75}), vrm_rows.draws(model)
    p = preference_probabilities(changed, draws, rows).p_chosen
    turned = Batch({**rows.columns, "chosen": rows["rejected"], "rejected": rows["chosen"]}, len(rows))
    np.testing.assert_allclose(p + preference_probabilities(changed, draws, turned).p_chosen, 1, atol=0.25)
    for suffix in ("", "_low", "_high"):
        np.testing.assert_allclose(objective_weights(changed, draws, rows)[f"weight_b{suffix}"], 0.75, atol=1e-6)
    assert "given" not in dict(model.weights.named_buffers())  # the model itself is as it was


def test_a_network_decoder_takes_them_too() -> None:
    model, rows = vrm_rows.model(2, **vrm_rows.MLP), vrm_rows.pairs(12)
    changed = with_weights(model, {"a": 1.0, "b": 0.0})
    reward = changed.reward({"decoder": torch.randn(10, 6)}, single(rows))
    assert reward.shape == (10, 12)
