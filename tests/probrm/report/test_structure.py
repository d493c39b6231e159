from __future__ import annotations

import torch

from probrm.report.graph_svg import graph_markup
from probrm.report.structure import Node, Structure, structure
from tests.probrm.report.toy import Toy, toy_batch


def test_the_graph_of_a_model_that_can_be_written_down() -> None:
    found = structure(Toy(), toy_batch())
    assert found.nodes == [
        Node("slope_scale", "HalfNormal(2)", "", False, None),
        Node("slope", "Normal(0, slope_scale)", "3 toy feature", False, None),
        Node("rate", "Beta(2, 8)", "", False, None),
        Node("own", "Normal(f(slope), 0.5)", "", False, "rows"),
        Node("action", "Bernoulli", "", True, "rows"),
        Node("other", "Bernoulli(rate)", "", True, "rows"),
    ]
    assert set(found.edges) == {("slope_scale", "slope"), ("slope", "own"), ("slope", "action"), ("own", "action"), ("rate", "other")}


def test_looking_at_a_model_draws_no_random_numbers() -> None:
    before = torch.random.get_rng_state()
    structure(Toy(), toy_batch())
    assert torch.equal(before, torch.random.get_rng_state())


def test_the_picture_tells_priors_plates_and_what_is_observed() -> None:
    markup = graph_markup(structure(Toy(), toy_batch()), 1234)
    for text in (
        "slope_scale",
        "HalfNormal(2)",
        ">Normal(0, slope_scale)<",
        ">Normal(f(slope), 0.5)<",
        "3 toy feature",
        "rows: 1\u202f234",
    ):
        assert text in markup, text
    assert markup.count('class="node observed"') == 2
    assert markup.count('class="node"') == 4
    assert markup.count('class="edge"') == 5
    assert markup.count('class="plate"') == 1


def test_names_are_no_markup() -> None:
    name = "<script>alert(1)</script>"
    markup = graph_markup(Structure([Node(name, f"Normal({name})", name, False, name)], []))
    assert "<script" not in markup
    assert "&lt;script&gt;" in markup
