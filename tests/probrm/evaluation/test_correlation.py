from __future__ import annotations

import numpy as np
import pytest

from probrm.evaluation.correlation import correlations


def columns(groups: int, size: int, rho: float, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """x and y with correlation ρ within groups, and groups' own levels, which correlate the other way round."""
    draw = np.random.default_rng(seed)
    group = np.repeat(np.arange(groups), size)
    x = draw.normal(size=groups * size)
    y = rho * x + np.sqrt(1 - rho**2) * draw.normal(size=groups * size)
    level = 3 * draw.normal(size=groups)[group]
    return x + level, y - level, group


def test_pooled_is_numpys() -> None:
    x, y, group = columns(30, 4, 0.5, 0)
    found = correlations(np.column_stack([x, y]), np.column_stack([y, x, x**2]), group, within=False, draws=10)
    assert found.shape == (3, 2, 3)
    expected = np.corrcoef([x, y, x**2])
    np.testing.assert_allclose(found[0], [expected[0, [1, 0, 2]], expected[1, [1, 0, 2]]], atol=1e-12)


def test_within_groups_their_levels_play_no_part() -> None:
    x, y, group = columns(500, 3, 0.6, 1)
    assert correlations(x[:, None], y[:, None], group, within=False, draws=0)[0, 0, 0] < -0.7
    value = correlations(x[:, None], y[:, None], group, draws=0)[0, 0, 0]
    centred = [v - np.repeat(v.reshape(-1, 3).mean(1), 3) for v in (x, y)]
    assert value == pytest.approx(np.corrcoef(centred)[0, 1], abs=1e-12)
    assert value == pytest.approx(0.6, abs=5 * 0.64 / 1000**0.5)


def test_missing_values_are_left_out() -> None:
    x, y, group = columns(20, 4, 0.5, 2)
    y[::3] = np.nan
    there = np.isfinite(y)
    whole = correlations(x[there][:, None], y[there][:, None], group[there], draws=0)
    np.testing.assert_allclose(correlations(x[:, None], y[:, None], group, draws=0)[0], whole[0], atol=1e-12)


def test_what_does_not_vary_has_no_correlation() -> None:
    x, y, group = columns(20, 4, 0.5, 3)
    y = np.column_stack([np.full(80, 2.0), group, np.full(80, np.nan), y])
    found = correlations(x[:, None], y, group)
    assert np.isnan(found[:, 0, :3]).all()
    assert np.isfinite(found[:, 0, 3]).all()
    assert correlations(x[:0, None], y[:0], group[:0]).shape == (3, 1, 4)


def test_the_interval_is_fishers_where_rows_are_independent() -> None:
    """Standard error (1 − ρ²)/√n (Fisher 1915)."""
    draw = np.random.default_rng(4)
    x = draw.normal(size=400)
    y = 0.5 * x + 0.75**0.5 * draw.normal(size=400)
    value, low, high = correlations(x[:, None], y[:, None], np.arange(400), within=False)[:, 0, 0]
    assert low < value < high
    assert high - low == pytest.approx(2 * 1.645 * 0.75 / 20, rel=0.15)


@pytest.mark.parametrize("shuffled", [False, True])
def test_nine_of_ten_intervals_hold_the_truth(shuffled: bool) -> None:
    """Also of columns that have nothing to do with each other; 100 data sets of 60 groups, so .90 ± .03."""
    held = 0
    for seed in range(100):
        x, y, group = columns(60, 4, 0.4, seed)
        y = np.random.default_rng(seed).permutation(y) if shuffled else y
        _, low, high = correlations(x[:, None], y[:, None], group, draws=200)[:, 0, 0]
        held += low <= (0.0 if shuffled else 0.4) <= high
    assert 80 <= held <= 98


def test_drawn_groups_give_wider_intervals_than_drawn_rows() -> None:
    x, y, group = columns(40, 1, 0.5, 5)
    x, y, group = (np.repeat(v, 10) for v in (x, y, group))
    widths = [np.diff(correlations(x[:, None], y[:, None], g, within=False)[1:, 0, 0])[0] for g in (group, np.arange(400))]
    assert widths[0] == pytest.approx(10**0.5 * widths[1], rel=0.3)


def test_the_same_seed_gives_the_same_interval() -> None:
    x, y, group = columns(30, 4, 0.5, 6)
    found = [correlations(x[:, None], y[:, None], group, seed=seed) for seed in (0, 0, 1)]
    assert np.array_equal(found[0], found[1])
    assert not np.array_equal(found[0], found[2])
