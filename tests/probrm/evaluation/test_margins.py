from __future__ import annotations

import numpy as np
import pytest

from probrm.errors import DataError
from probrm.evaluation import Margins, PairIntervals


def test_marginal_intervals_are_subtracted_end_from_other_end() -> None:
    """Chosen 2 ± 1, rejected 1 ± ½: 2 − 1 = 1, 1 − 1.5 = −½, 3 − ½ = 2.5."""
    found = PairIntervals(np.array([[2.0], [1.0], [3.0]]), np.array([[1.0], [0.5], [1.5]]), np.array([[1.0], [0.8], [1.2]]))
    assert [float(part[0]) for part in (found.marginal.mean, found.marginal.low, found.marginal.high)] == [1.0, -0.5, 2.5]
    assert [float(part[0]) for part in (found.joint.mean, found.joint.low, found.joint.high)] == [1.0, 0.8, 1.2]


def test_two_correlated_rewards_whose_intervals_overlap_differ_for_certain() -> None:
    """a = 1 + z, b = z: 90 % intervals of ± 1.645 overlap, and a − b is 1 in every draw."""
    z = np.random.default_rng(0).normal(size=100_000)
    a, b = (np.array([[values.mean()], *np.quantile(values, [[0.05], [0.95]])]) for values in (1 + z, z))
    found = PairIntervals(a, b, np.ones((3, 1)))
    assert found.marginal.low[0] < 0 < found.joint.low[0]


def test_some_of_them() -> None:
    margins = Margins.of([1, 2, 3], [0, 1, 2], [2, 3, 4])
    kept = margins.kept(np.array([2, 0]))
    assert (len(margins), len(kept), kept.mean.tolist(), kept.low.tolist(), kept.high.tolist()) == (3, 2, [3, 1], [2, 0], [4, 2])


def test_what_is_no_interval_is_refused() -> None:
    with pytest.raises(DataError, match=r"pair 2: margin 2 with the interval \[3, 1\] \(1 such pairs\); allowed: finite numbers"):
        Margins.of([1, 2], [0, 3], [2, 1])
    with pytest.raises(DataError, match="pair 1: margin nan"):
        Margins.of([np.nan], [0], [1])
    with pytest.raises(ValueError, match="expected"):
        Margins.of([1, 2], [0], [1])
