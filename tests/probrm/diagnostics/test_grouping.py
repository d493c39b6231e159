"""Levels and quintiles."""

from __future__ import annotations

import numpy as np

from probrm.diagnostics.grouping import group_codes


def groups(values: list[object] | np.ndarray, codes: bool = False) -> list[str]:
    code, names = group_codes(np.asarray(values), codes=codes)
    return [names[i] for i in code]


def test_texts_and_few_numbers_are_levels() -> None:
    assert groups(["web", "app", "web"]) == ["web", "app", "web"]
    assert groups([1, 2, 1]) == ["1", "2", "1"]
    assert groups([True, False]) == ["True", "False"]
    assert groups(np.array(["web", None], dtype=object)) == ["web", "missing"]


def test_many_numbers_are_quintiles_of_equal_size() -> None:
    code, names = group_codes(np.random.default_rng(0).permutation(100).astype(float))
    assert np.bincount(code).tolist() == [20] * 5
    assert names == ["0 to 19", "19 to 39", "39 to 59", "59 to 79", "79 to 99", "missing"]


def test_codes_are_levels_however_many() -> None:
    assert len(set(groups(np.arange(50), codes=True))) == 50


def test_missing_numbers_are_a_group() -> None:
    found = groups(np.append(np.arange(50.0), [np.nan] * 3))
    assert found[-3:] == ["missing"] * 3
    assert "missing" not in found[:-3]
    assert groups([1.0, np.nan]) == ["1", "missing"]


def test_ties_stay_together() -> None:
    values = np.append(np.zeros(90), np.arange(1, 11))
    code, names = group_codes(values)
    assert len(set(code[:90])) == 1
    assert code.max() < len(names)


def test_minus_zero_is_zero() -> None:
    codes, names = group_codes(np.array([0.0, -0.0, 1.0]))
    assert codes.tolist() == [0, 0, 1]
    assert len(names) == 2
