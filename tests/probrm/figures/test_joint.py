from __future__ import annotations

from typing import Any

import numpy as np
from scipy import stats

from probrm.figures import joint, most_correlated
from tests.probrm.figures.drawn import check_look, points, texts


def quantities() -> dict[str, np.ndarray]:
    draw = np.random.default_rng(0)
    a, noise = draw.normal(size=(2, 400))
    return {"alone": draw.normal(size=400), "a": a, "constant": np.ones(400), "minus a": -a + 0.1 * noise, "near a": a + 2 * noise}


def test_the_strongest_pair_comes_first() -> None:
    names, correlation = most_correlated(quantities(), 3)
    assert names == ["a", "minus a", "near a"]
    found = quantities()
    expected: Any = stats.spearmanr(np.stack([found[name] for name in names], 1))
    np.testing.assert_allclose(correlation, expected.statistic, atol=1e-12)


def test_quantities_that_are_asked_for_come_first() -> None:
    assert most_correlated(quantities(), 3, ["alone", "absent", "constant"])[0][0] == "alone"


def test_draws_correlations_and_divergences() -> None:
    found = {name: value for name, value in quantities().items() if name in ("a", "minus a")}
    diverging = np.arange(400) == 7
    figure = joint(found, diverging)
    assert figure is not None
    axes = figure.axes[0]
    x, y = points(axes, 0)
    kept = ~diverging
    np.testing.assert_array_equal(x, found["a"][kept])
    np.testing.assert_array_equal(y, found["minus a"][kept])
    assert [part.tolist() for part in points(axes, 1)] == [[found["a"][7]], [found["minus a"][7]]]
    rho: Any = stats.spearmanr(found["a"], found["minus a"])
    assert f"ρ = {rho.statistic:.2f}" in texts(figure)
    assert "divergent transitions: 1" in texts(figure)
    check_look(figure)


def test_three_by_three() -> None:
    figure = joint(quantities())
    assert figure is not None
    assert len(figure.axes) == 9
    check_look(figure)


def test_nothing_to_compare() -> None:
    assert joint({"a": np.arange(5.0), "constant": np.ones(5)}) is None
    assert joint({"a": np.array([1.0]), "b": np.array([2.0])}) is None
