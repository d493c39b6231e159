from __future__ import annotations

import pytest

from probrm.report.layers import lay_out


def test_children_are_below_parents_and_zones_apart() -> None:
    edges = [("scale", "w"), ("w", "y"), ("b", "y"), ("scale", "z"), ("z", "y")]
    found = lay_out([["scale", "w", "b"], ["z", "y"]], edges)
    level = {name: layer for name, (_, layer) in found.place.items()}
    assert level == {"scale": 0, "w": 1, "b": 1, "z": 2, "y": 3}  # b as far down as its zone allows
    assert len(set(found.place.values())) == 5
    assert found.height == 4


def test_an_edge_over_several_layers_bends_around_what_is_between() -> None:
    found = lay_out([["a", "b", "c"]], [("a", "b"), ("b", "c"), ("a", "c")])
    path = found.paths["a", "c"]
    assert [layer for _, layer in path] == [0, 1, 2]
    assert abs(path[1][0] - found.place["b"][0]) >= 0.6  # half a node and half a bend
    assert found.paths["a", "b"] == [found.place["a"], found.place["b"]]


def test_crossings_are_taken_out() -> None:
    edges = [("a", "z"), ("b", "y"), ("c", "x")]
    found = lay_out([["a", "b", "c", "x", "y", "z"]], edges)
    upper = sorted("abc", key=lambda name: found.place[name])
    lower = sorted("xyz", key=lambda name: found.place[name])
    assert [dict(edges)[name] for name in upper] == lower


def test_all_places_are_inside() -> None:
    found = lay_out([["a"], ["x", "y", "z"]], [("a", "x"), ("a", "y"), ("a", "z")])
    assert found.place["a"] == (pytest.approx(1.5), 0)
    assert sorted(x for x, layer in found.place.values() if layer) == pytest.approx([0.5, 1.5, 2.5])
    assert found.width == pytest.approx(3)
