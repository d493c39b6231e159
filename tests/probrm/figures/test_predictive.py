from __future__ import annotations

import numpy as np
import pytest

from probrm.figures import Grouping, by_level, by_member, by_quantile, predictive_check, replicated_means
from tests.probrm.figures.drawn import check_look, names, points, segments, texts


def test_levels_in_order_without_small_ones() -> None:
    found = by_level("surface", np.array(["web"] * 10 + ["ide"] * 12 + ["tv"] * 3))
    assert found.labels == ("ide", "web")
    assert found.counts().tolist() == [12, 10]
    assert set(found.index[-3:]) == {-1}


def test_quantiles_keep_equal_values_together() -> None:
    values = np.concatenate([np.zeros(50), np.arange(1, 51), [np.nan]])
    found = by_quantile("x", values, bins=4)
    assert found.counts().sum() == 100
    assert len(set(found.index[:50])) == 1
    assert found.index[-1] == -1
    low = [values[:-1][found.index[:-1] == g].min() for g in range(len(found.labels))]
    assert low == sorted(low)


def test_a_constant_is_one_group() -> None:
    assert by_quantile("x", np.full(30, 0.25)).labels == ("0.25",)


def test_users_from_the_busiest_to_the_idlest_strangers_too() -> None:
    index = np.repeat([0, 1, 2, 3], [15, 40, 2, 20])
    found = by_member("user", index, ["ann", "bob", "cem"])
    assert found.labels == ("bob", "unknown 1", "ann")
    assert found.counts().tolist() == [40, 20, 15]


def test_weighted_means_against_a_loop() -> None:
    draw = np.random.default_rng(0)
    index, weight = draw.integers(-1, 3, 60), draw.gamma(1, 1, 60)
    observed, replicates = draw.integers(0, 2, 60).astype(float), draw.integers(0, 2, (30, 60)).astype(float)
    observed[:5] = np.nan
    found = replicated_means(Grouping("g", ("a", "b", "c"), index), observed, replicates, weight)
    for g in range(3):
        inside = (index == g) & ~np.isnan(observed)
        each = np.array([np.average(one[inside], weights=weight[inside]) for one in replicates])
        np.testing.assert_allclose(found.observed[g], np.average(observed[inside], weights=weight[inside]))
        np.testing.assert_allclose(found.mean[g], each.mean())
        np.testing.assert_allclose([found.low[g], found.high[g]], np.quantile(each, [0.05, 0.95]))


def test_what_is_drawn() -> None:
    draw = np.random.default_rng(1)
    grouping = by_level("surface", np.repeat(["ide", "web"], 40))
    observed, replicates = np.repeat([1.0, 0.0], 40), (draw.random((100, 80)) < 0.5).astype(float)
    figure = predictive_check([grouping, Grouping("none", (), np.full(80, -1))], observed, replicates)
    assert figure is not None
    axes = figure.axes[0]
    found = replicated_means(grouping, observed, replicates)
    assert names(axes) == ["ide  (40)", "web  (40)"]
    np.testing.assert_allclose(segments(axes)[:, :, 0], np.stack([found.low, found.high], 1))
    np.testing.assert_allclose(points(axes, 0)[0], found.mean)
    np.testing.assert_allclose(points(axes, 1)[0], [1, 0])
    assert "2 of 2 groups lie outside theirs" in texts(figure).replace("\n", " ")
    check_look(figure)


@pytest.mark.parametrize(("shift", "fails"), [(0.0, False), (0.25, True)])
def test_a_group_that_the_model_misses_is_seen(seed_shift: int, shift: float, fails: bool) -> None:
    """The total is right, one group is not: 20 groups of 100 rows.

    Under the model 2 of 20 are expected outside, more than 6 by chance in 2 of 1,000 seeds (binomial); with the shift 9 of 10 groups
    leave their interval, so that 6 or fewer have a probability below 1e-6.
    """
    draw = np.random.default_rng(seed_shift)
    index = np.repeat(np.arange(20), 100)
    p = 0.5 + shift * np.where(index % 2, 1, -1)
    found = replicated_means(
        Grouping("g", tuple(map(str, range(20))), index), (draw.random(2000) < p).astype(float), (draw.random((200, 2000)) < 0.5) * 1.0
    )
    assert (found.outside > 6) == fails


def test_no_groups_no_figure() -> None:
    assert predictive_check([], np.zeros(3), np.zeros((2, 3))) is None
