from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from probrm.data import split_rows
from probrm.errors import ConfigError, DataError

PROMPTS = [f"p{i % 100}" for i in range(1000)]
USERS = [f"u{i % 37}" for i in range(1000)]


def test_whole_prompts_are_held_out():
    split = split_rows(PROMPTS, None, seed=0)
    held = {PROMPTS[i] for i in split.held_out}
    assert len(held) == 10
    assert len(split.held_out) == 100
    assert held.isdisjoint(PROMPTS[i] for i in split.train)
    assert split.train.dtype == split.held_out.dtype == np.int64


def test_whole_users_are_held_out_beside_whole_prompts():
    split = split_rows(PROMPTS, USERS, seed=0)
    new_users = set(USERS) - {USERS[i] for i in split.train}
    new_prompts = set(PROMPTS) - {PROMPTS[i] for i in split.train}
    assert (len(new_users), len(new_prompts)) == (4, 10)
    assert all(USERS[i] in new_users or PROMPTS[i] in new_prompts for i in split.held_out)


def test_the_seed_decides_and_the_order_does_not():
    one, other = split_rows(PROMPTS, USERS, seed=1), split_rows(PROMPTS, USERS, seed=2)
    assert one.held_out.tolist() == split_rows(PROMPTS, USERS, seed=1).held_out.tolist() != other.held_out.tolist()
    order = np.random.default_rng(0).permutation(1000)
    shuffled = split_rows([PROMPTS[i] for i in order], [USERS[i] for i in order], seed=1)
    assert sorted(order[shuffled.held_out]) == one.held_out.tolist()


def test_every_prompt_is_held_out_under_some_seed_about_equally_often():
    counts = np.zeros(100)
    for seed in range(300):
        counts[list({int(PROMPTS[i][1:]) for i in split_rows(PROMPTS, None, seed=seed).held_out})] += 1
    assert counts.mean() == 30  # binomial(300, .1) has sd 5.2
    assert counts.min() > 30 - 5 * 5.2
    assert counts.max() < 30 + 5 * 5.2


def test_a_prompt_with_most_rows_stays_in_training():
    prompts = ["big"] * 90 + [f"p{i}" for i in range(10)]
    for seed in range(20):
        assert len(split_rows(prompts, None, fraction=0.5, seed=seed).train) >= 90


def test_few_users_are_not_held_out():
    users = [f"u{i % 3}" for i in range(1000)]
    assert split_rows(PROMPTS, users, seed=0).held_out.tolist() == split_rows(PROMPTS, None, seed=0).held_out.tolist()


def test_one_prompt_only():
    with pytest.raises(DataError, match="one prompt only"):
        split_rows(["p"] * 60, [f"u{i}" for i in range(60)], seed=0)


@pytest.mark.parametrize("fraction", [0, 1, -0.1, float("nan")])
def test_fraction_out_of_range(fraction: float):
    with pytest.raises(ConfigError, match="allowed: more than 0 and less than 1"):
        split_rows(PROMPTS, None, fraction=fraction, seed=0)


@settings(max_examples=100)
@given(
    rows=st.lists(st.tuples(st.text(max_size=2), st.text(max_size=1)), min_size=2, max_size=30).filter(
        lambda r: len({p for p, _ in r}) > 1
    ),
    fraction=st.floats(0.01, 0.99),
    seed=st.integers(-5, 2**40),
)
def test_both_sides_have_rows_and_each_row_has_one_side(rows: list[tuple[str, str]], fraction: float, seed: int):
    prompts, users = [p for p, _ in rows], [u for _, u in rows]
    split = split_rows(prompts, users, fraction=fraction, seed=seed)
    assert len(split.train) >= 1
    assert len(split.held_out) >= 1
    assert sorted([*split.train, *split.held_out]) == list(range(len(rows)))
