from __future__ import annotations

import json

import numpy as np
import pytest

from probrm.encoders.layers import choose_layer, choose_prompt_layer
from probrm.encoders.observed import Observed

N, D, LAYERS = 400, 12, 7


def noise(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(LAYERS, 2 * N + 40, D)).astype(np.float32)


def by_action(vectors: np.ndarray, signal: int | None, *, slope: float = 2.0) -> Observed:
    draw = np.random.default_rng(1)
    logit = slope * vectors[signal, :N, 0] if signal is not None else np.zeros(N)
    outcome = (draw.random(N) < 1 / (1 + np.exp(-logit))).astype(float)
    return Observed(np.arange(N), np.arange(N) // 4, outcome, np.ones(N))


@pytest.mark.parametrize("signal", [0, 2, 6])
def test_the_layer_that_knows_most_is_chosen(signal: int) -> None:
    vectors = noise()
    choice = choose_layer(vectors, by_action(vectors, signal))
    assert choice.layer == int(np.argmax(choice.log_likelihood)) == signal
    assert choice.error[signal] == 0
    assert choice.log_likelihood[signal] > -0.6 > np.delete(choice.log_likelihood, signal).max()
    assert (choice.rows, choice.prompts, choice.unit) == (N, 100, "actions")


def test_layers_that_cannot_be_told_apart_yield_to_two_thirds_of_the_depth() -> None:
    vectors = noise()
    vectors[1:] = vectors[1]  # all but the first are the same
    assert choose_layer(vectors, by_action(vectors, 1)).layer == 4
    one_prompt = by_action(vectors, 1)
    alone = Observed(one_prompt.answer, np.zeros(N, int), one_prompt.outcome, one_prompt.weight)
    assert choose_layer(vectors, alone).layer == 4


def test_a_shift_or_scale_of_a_layer_does_not_matter() -> None:
    vectors = noise()
    observed = by_action(vectors, 2)
    moved = vectors * np.linspace(0.01, 100, LAYERS, dtype=np.float32)[:, None, None] + 3
    expected = choose_layer(vectors, observed).log_likelihood
    np.testing.assert_allclose(choose_layer(moved, observed).log_likelihood, expected, atol=2e-3)


def test_what_makes_users_act_is_no_merit_of_a_layer() -> None:
    """A layer that only knows the covariate of acting gains nothing where the covariate is given."""
    vectors = noise()
    observed = by_action(vectors, 0, slope=3.0)
    assert choose_layer(vectors, observed).layer == 0
    beside = Observed(observed.answer, observed.group, observed.outcome, observed.weight, covariates=vectors[0, :N, :1].astype(float))
    found = choose_layer(vectors, beside)
    assert found.layer != 0
    assert max(found.log_likelihood) - found.log_likelihood[0] < 0.02


def by_pair(vectors: np.ndarray, signal: int, *, prompt_signal: int | None = None) -> Observed:
    draw = np.random.default_rng(2)
    answer, other, prompt = np.arange(N), N + np.arange(N), 2 * N + np.arange(N) % 40
    difference = (vectors[signal, answer, 0] - vectors[signal, other, 0]).astype(float)
    if prompt_signal is not None:
        difference = difference * np.sign(vectors[prompt_signal, prompt, 0])
    first = draw.random(N) < 1 / (1 + np.exp(-(2 if prompt_signal is None else 8) * difference))
    sides = np.where(first, answer, other), np.where(first, other, answer)
    return Observed(sides[0], prompt, np.ones(N), np.ones(N), other=sides[1], prompt=prompt)


def test_of_pairs_by_the_difference() -> None:
    vectors = noise()
    choice = choose_layer(vectors, by_pair(vectors, 2))
    assert (choice.layer, choice.unit, choice.prompts) == (2, "pairs", 40)


def test_a_prompts_layer_is_the_one_that_says_which_difference_matters() -> None:
    vectors = noise()
    vectors[:, :, 1:6] = vectors[:, :, :1] + 0.5 * vectors[:, :, 1:6]  # a direction that a component finds
    choice = choose_prompt_layer(vectors, by_pair(vectors, 2, prompt_signal=1), 2)
    assert (choice.setting, choice.layer) == ("prompt_layer", 1)
    nothing = choose_prompt_layer(vectors, by_pair(vectors, 2), 2)
    assert nothing.layer == LAYERS - 1


def test_what_is_told_and_recorded() -> None:
    vectors = noise()
    choice = choose_layer(vectors, by_action(vectors, 2))
    assert choice.note.startswith(
        "encoder.layer: 2 of 6, chosen by the held-out likelihood of 400 actions of 100 prompts, nats a row: 0 -0."
    )
    assert ", 6 -0." in choice.note
    assert json.loads(json.dumps(choice.to_dict())) == choice.to_dict()
    deep = choose_layer(np.repeat(vectors, 5, axis=0), by_action(vectors, 2))
    assert deep.note.count(", ") <= 11
    assert f"{deep.layer} of 34" in deep.note
