"""Flat ranges of profiles."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from probrm.diagnostics import flat_range
from probrm.errors import DataError

NODES = np.linspace(0.05, 0.95, 37)


@pytest.mark.parametrize("drop", [0.5, 2.0, 4.0])
def test_a_parabola(drop: float) -> None:
    """``−(x − .5)²/2s²`` is within the drop up to ``s√(2 drop)`` from .5; the cubic's error is below a hundredth of a node's distance."""
    s = 0.1
    found = flat_range(NODES, -((NODES - 0.5) ** 2) / (2 * s**2), drop)
    reach = s * np.sqrt(2 * drop)
    assert (found.low, found.high) == (pytest.approx(0.5 - reach, abs=1e-3), pytest.approx(0.5 + reach, abs=1e-3))
    assert found.share == pytest.approx(2 * reach / 0.9, abs=3e-3)
    assert found.top == pytest.approx(0.5)
    assert (found.reaches_low, found.reaches_high, found.flat) == (False, False, False)
    assert found.pieces == 1


def test_a_binomial_likelihood() -> None:
    """70 of 100: the interval's ends have exactly the likelihood that they are defined by."""
    found = flat_range(NODES, stats.binom.logpmf(70, 100, NODES))
    top = stats.binom.logpmf(70, 100, 0.7)
    assert stats.binom.logpmf(70, 100, [found.low, found.high]) == pytest.approx([top - 2.0] * 2, abs=0.02)


def test_a_flat_profile_fires() -> None:
    found = flat_range(NODES, np.full(37, -120.0))
    assert found.flat
    assert (found.low, found.high, found.share) == (0.05, 0.95, 1.0)
    assert flat_range(NODES, -1.9 * NODES).flat  # it slopes by 1.7 nats


def test_one_side_only() -> None:
    found = flat_range(NODES, -10.0 * NODES)
    assert (found.reaches_low, found.reaches_high, found.flat) == (True, False, False)
    assert found.high == pytest.approx(0.05 + 0.2)


def test_two_modes() -> None:
    heights = np.logaddexp(stats.norm.logpdf(NODES, 0.2, 0.04), stats.norm.logpdf(NODES, 0.8, 0.04))
    found = flat_range(NODES, heights)
    assert found.pieces == 2
    assert (found.low, found.high) == (pytest.approx(0.12, abs=2e-3), pytest.approx(0.88, abs=2e-3))
    assert found.share == pytest.approx(4 * 0.08 / 0.9, abs=0.01)


def test_impossible_nodes() -> None:
    heights = np.where(NODES < 0.3, -np.inf, 0.0)
    found = flat_range(NODES, heights)
    assert 0.27 < found.low <= 0.3001
    assert (found.reaches_low, found.reaches_high) == (False, True)


@pytest.mark.parametrize(
    ("nodes", "heights", "drop"),
    [
        ([0.1, 0.2], [0.0, 0.0], 2.0),
        ([0.1, 0.3, 0.2], [0.0, 0.0, 0.0], 2.0),
        ([0.1, 0.2, 0.3], [0.0, np.nan, 0.0], 2.0),
        ([0.1, 0.2, 0.3], [0.0, 0.0], 2.0),
        ([0.1, 0.2, 0.3], [0.0, 0.0, 0.0], 0.0),
        ([0.1, 0.2, 0.3], [-np.inf] * 3, 2.0),
    ],
)
def test_what_is_no_profile(nodes: list[float], heights: list[float], drop: float) -> None:
    with pytest.raises(DataError, match="a profile of"):
        flat_range(np.array(nodes), np.array(heights), drop)
