from __future__ import annotations

import numpy as np

from probrm.figures import rank_plot, traces
from probrm.figures.chains import by_chain, fractional_ranks
from tests.probrm.figures.drawn import check_look, points, texts


def test_ranks_are_fractional_over_all_chains() -> None:
    ranks = fractional_ranks(np.array([[3.0, 1.0], [2.0, 2.0]]))
    np.testing.assert_array_equal(ranks, [[3.5, 0.5], [2.0, 2.0]])


def test_a_single_chain_is_held_against_its_other_half() -> None:
    parts, names = by_chain(np.arange(5.0), 1)
    np.testing.assert_array_equal(parts, [[0, 1], [2, 3]])
    assert names == ["half 1 of the chain", "half 2 of the chain"]


def test_histograms_of_ranks_by_chain() -> None:
    """Chains that do not overlap: all ranks of the first lie below all of the second."""
    draws = np.concatenate([np.linspace(0, 1, 50), np.linspace(2, 3, 50)])
    figure = rank_plot({"x": draws}, 2)
    low, high = (patch.get_data().values for patch in figure.axes[0].patches if hasattr(patch, "get_data"))  # type: ignore[attr-defined]
    np.testing.assert_array_equal(low, [20, 20, 10, 0, 0])
    np.testing.assert_array_equal(high, [0, 0, 10, 20, 20])
    assert "99%" in texts(figure)
    check_look(figure)


def test_traces_are_the_chains_and_divergences_are_marked() -> None:
    draws = np.arange(8.0)
    diverging = np.array([0, 0, 1, 0, 0, 0, 0, 1], bool)
    figure = traces({"x": draws, "y": draws**2}, 2, diverging)
    axes = figure.axes[0]
    np.testing.assert_array_equal(points(axes, 0)[1], [0, 1, 2, 3])
    np.testing.assert_array_equal(points(axes, 1)[0], [2])
    np.testing.assert_array_equal(points(axes, 2)[1], [4, 5, 6, 7])
    np.testing.assert_array_equal(points(axes, 3)[0], [3])
    assert "2 chains; divergent transitions: 2" in texts(figure)
    check_look(figure)
