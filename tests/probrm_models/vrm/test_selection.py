"""When several objectives are used, and what is said of it."""

from __future__ import annotations

import math

import pytest
import torch

from probrm_models.vrm.selection import FOLDS, SCALES, clustered, fold_of, select
from tests.probrm_models.vrm.warm_start.test_gate import simulate


def test_the_standard_error_is_that_of_independent_prompts() -> None:
    """With one pair a prompt the usual one; twice the same pairs in each prompt say nothing new."""
    gain = torch.randn(50, generator=torch.Generator().manual_seed(0), dtype=torch.float64) + 0.3
    mean, z = clustered(gain, torch.ones(50).double(), torch.arange(50))
    assert mean == pytest.approx(float(gain.mean()))
    assert z == pytest.approx(float(gain.mean()) / (float(gain.std()) / math.sqrt(50)))
    twice = clustered(gain.repeat(2), torch.ones(100).double(), torch.arange(50).repeat(2))
    assert twice == pytest.approx((mean, z))
    weighted = clustered(gain.repeat(2), torch.cat([torch.full((50,), 0.25), torch.full((50,), 0.75)]).double(), torch.arange(50).repeat(2))
    assert weighted == pytest.approx((mean, z))


def test_folds_are_whole_prompts_alike_in_size_and_do_not_depend_on_the_order() -> None:
    vectors = torch.randn(23, 3, generator=torch.Generator().manual_seed(1))
    prompt = torch.arange(69) % 23
    folds = fold_of(vectors[prompt], prompt)
    assert all(len(folds[prompt == i].unique()) == 1 for i in range(23))
    sizes = folds[:23].bincount()
    assert len(sizes) == FOLDS
    assert int(sizes.max() - sizes.min()) <= 1
    order = torch.randperm(69, generator=torch.Generator().manual_seed(2))
    renamed = (prompt[order] * 7 + 3) % 100
    assert torch.equal(fold_of(vectors[prompt[order]], renamed), folds[order])


@pytest.mark.parametrize(("n", "prompts"), [(150, 50), (1200, 400)])
def test_one_objective_where_prompts_ask_for_the_same(n: int, prompts: int) -> None:
    """At three standard errors less than one in a hundred is wrong; of three seeds none is."""
    for seed in range(3):
        rows, prompt, _ = simulate(n, prompts, apart=0.0, seed=seed)
        found = select(rows, prompt, [2])
        assert found.objectives == 1, (seed, found)
        assert "one objective; this run predicts as Bradley–Terry" in found.note()


def test_several_where_they_ask_for_different_things() -> None:
    for seed in range(3):
        rows, prompt, _ = simulate(1500, 500, apart=1.5, seed=seed)
        found = select(rows, prompt, [2])
        assert found.objectives == 2, (seed, found)
        assert found.gain is not None
        assert found.gain > 0.02
        assert f"five-fold gain of several objectives over Bradley–Terry: {found.gain:+.3f} nats a pair" in found.note()


def test_the_choice_can_be_forced() -> None:
    same, prompt, _ = simulate(150, 50, apart=0.0, seed=0)
    forced = select(same, prompt, [2], rule="objectives")
    assert (forced.objectives, forced.forced) == (2, True)
    assert "2 objectives are used because the settings say so" in forced.note()
    different, prompt, _ = simulate(1500, 500, apart=1.5, seed=0)
    alone = select(different, prompt, [2], rule="one")
    assert (alone.objectives, alone.note()) == (1, "one objective, as the settings or the attributes say")
    assert select(different, prompt, []).note() == alone.note()  # one attribute


def test_few_prompts_leave_one_objective_and_fewer_than_folds_its_scale_to_the_evidence() -> None:
    few, of, _ = simulate(40, 4, apart=2.0, seed=0)
    assert select(few, of, [2, 4]).scale is None
    rows, prompt, _ = simulate(90, 9, apart=2.0, seed=0)
    found = select(rows, prompt, [2, 4])
    assert (found.objectives, found.gain) == (1, None)
    assert found.scale in SCALES
    assert found.note() == "one objective: fewer than 10 prompts cannot tell more"
    assert select(rows, prompt, [2, 4], rule="objectives").objectives == 2
