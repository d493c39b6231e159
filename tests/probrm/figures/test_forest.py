from __future__ import annotations

import numpy as np
import pytest

from probrm.figures import Entries, caterpillar, forest
from probrm.figures.entries import interval_note
from probrm.posterior import Variable
from tests.probrm.figures.drawn import check_look, names, points, segments, texts


def entries(count: int, start: int = 0) -> Entries:
    mean = np.array([(7 * i) % count for i in range(count)], float) + start  # a permutation
    return Entries([f"e{i}" for i in range(count)], mean, mean - 1, mean + 2)


def test_entries_stand_where_their_numbers_are() -> None:
    one = Entries(["b", "a"], np.array([0.5, -1.0]), np.array([0.2, -3.0]), np.array([0.9, 1.0]))
    figure = forest(one, "Title", "log-odds")
    axes = figure.axes[0]
    assert names(axes) == ["b", "a"]
    assert [list(part) for part in points(axes)] == [[0.5, -1.0], [1, 0]]
    np.testing.assert_allclose(segments(axes)[:, :, 0], [[0.2, 0.9], [-3.0, 1.0]])
    assert axes.get_xlabel() == "log-odds"
    assert "posterior mean and central 90 % interval" in texts(figure)
    check_look(figure)


def test_order_by_mean() -> None:
    axes = forest(entries(5), "t", "u", order=True).axes[0]
    np.testing.assert_array_equal(points(axes)[0], [4, 3, 2, 1, 0])


def test_of_many_the_ends_are_shown_and_the_rest_is_told() -> None:
    figure = forest(entries(200), "t", "u", most=20)
    x, _ = points(figure.axes[0])
    assert len(x) == 20
    assert (x[0], x[-1]) == (199, 0)
    assert "180 entries between those shown are left out" in texts(figure)


def test_several_variables_are_stacked_under_their_names() -> None:
    figure = forest({"first": entries(2), "second": entries(3), "none": entries(3).take([])}, "t", "u")
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["first", "second"]  # type: ignore[call-overload]
    check_look(figure)


def test_long_names_and_dollars_fit() -> None:
    figure = forest(Entries(["x" * 200, "costs $5 or $6", "line\nbreak"], *np.zeros((3, 3))), "A title " * 30, "u")
    assert max(map(len, names(figure.axes[0]))) <= 34
    assert names(figure.axes[0])[1] == r"costs \$5 or \$6"
    check_look(figure)


def test_point_estimates_have_no_intervals() -> None:
    point = Entries(["a"], np.ones(1), np.ones(1), np.ones(1))
    assert interval_note(point) == "point estimates, without intervals"
    check_look(forest(point, "t", "u"))


def test_names_of_a_site_with_two_dimensions() -> None:
    shape = np.arange(4.0).reshape(2, 2)
    found = Entries.of(Variable(shape, shape, shape - 1, shape + 1, {"action": ["copied", "rated"], "effect": ["web", "hour"]}))
    assert list(found.names) == ["copied: web", "copied: hour", "rated: web", "rated: hour"]
    np.testing.assert_array_equal(found.mean, [0, 1, 2, 3])


@pytest.mark.parametrize("count", [1, 12, 5000])
def test_users_in_the_order_of_their_means(count: int) -> None:
    one = entries(count) if count % 7 else entries(count, 1)
    figure = caterpillar(one, "t", "log-odds", "users by activity")
    axes = figure.axes[0]
    _, y = points(axes)
    assert len(y) == min(count, 60)
    assert np.all(np.diff(y) >= 0)
    assert (y[0], y[-1]) == (one.mean.min(), one.mean.max())
    np.testing.assert_allclose(segments(axes)[:, :, 1], np.stack([y - 1, y + 2], 1))
    assert axes.get_xlabel() == f"users by activity ({min(count, 60)} of {count})"
    clear = int(np.sum((one.low > 0) | (one.high < 0)))
    assert f"{clear} of {count} intervals leave out 0" in texts(figure)
    check_look(figure)
