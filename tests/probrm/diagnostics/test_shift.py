"""Two sets of vectors: alike they are told apart as often as chance says, moved they are told apart."""

from __future__ import annotations

import numpy as np
from scipy.stats import kstest

from probrm.diagnostics.shift import two_sample_shift


def vectors(n: int, d: int, seed: int, *, moved: float = 0.0) -> tuple[np.ndarray, list[str]]:
    """Three rows of each of n / 3 groups, nearly alike within a group."""
    draw = np.random.default_rng(seed)
    groups = np.arange(n) // 3
    rows = draw.normal(size=(n // 3 + 1, d))[groups] + 0.1 * draw.normal(size=(n, d))
    rows[:, 0] += moved
    return rows.astype(np.float32), [f"{seed}-{group}" for group in groups]


def shift(seed: int, moved: float = 0.0, n: int = 240, d: int = 10):
    (old, old_groups), (new, new_groups) = vectors(n, d, 2 * seed), vectors(n, d, 2 * seed + 1, moved=moved)
    return two_sample_shift(old, new, old_groups, new_groups, seed=seed)


def test_p_is_uniform_where_nothing_has_moved() -> None:
    """100 pairs of sets; fails in 1 of 1,000 sets of seeds. All rows of a group would be taken for many independent ones: the control."""
    found = [shift(seed) for seed in range(100)]
    assert all(one is not None and one.old + one.new == 80 for one in found)
    assert kstest([one.p for one in found if one], "uniform").pvalue > 1e-3
    each = []
    for seed in range(100):
        (old, _), (new, _) = vectors(240, 10, 2 * seed), vectors(240, 10, 2 * seed + 1)
        alone = two_sample_shift(old, new, [f"o{i}" for i in range(240)], [f"n{i}" for i in range(240)], seed=seed)
        assert alone is not None
        each.append(alone.p)
    assert kstest(each, "uniform").pvalue < 1e-3


def test_what_has_moved_is_told() -> None:
    found = shift(0, moved=1.5, n=600)
    assert found is not None
    assert found.auroc > 0.7
    assert found.p < 1e-4


def test_other_answers_to_the_same_prompts_are_told() -> None:
    (old, groups), (new, _) = vectors(600, 4, 0), vectors(600, 4, 1, moved=2.0)
    found = two_sample_shift(old, new, groups, groups)
    assert found is not None
    assert found.p < 1e-4


def test_few_are_not_compared() -> None:
    (old, groups), (new, _) = vectors(240, 4, 0), vectors(240, 4, 1)
    assert two_sample_shift(old, new[:50], groups, [f"n{i // 3}" for i in range(50)]) is None
