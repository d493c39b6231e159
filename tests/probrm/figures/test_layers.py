from __future__ import annotations

from typing import Any

import numpy as np

from probrm.figures import layer_choice
from tests.probrm.figures.drawn import check_look, points, texts

CHOICE: dict[str, Any] = {
    "setting": "layer",
    "layer": 2,
    "log_likelihood": [-0.68, -0.66, -0.65, -0.67],
    "error": [0.01, 0.004, 0.0, 0.006],
    "rows": 300,
    "prompts": 80,
    "unit": "actions",
}


def test_likelihood_by_layer_and_the_one_used() -> None:
    figure = layer_choice([CHOICE])
    assert figure is not None
    (axes,) = figure.axes
    assert [part.tolist() for part in points(axes, 0)] == [[0, 1, 2, 3], CHOICE["log_likelihood"]]
    segments = axes.collections[0].get_segments()  # type: ignore[attr-defined]
    np.testing.assert_allclose([bar[1, 1] - bar[0, 1] for bar in segments], [0.02, 0.008, 0, 0.012], atol=1e-12)
    legend = axes.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["used: 2 of 3"]
    assert "300 actions of 80 prompts" in texts(figure)
    check_look(figure)


def test_prompts_have_axes_of_their_own() -> None:
    figure = layer_choice([CHOICE, {**CHOICE, "setting": "prompt_layer", "layer": 3}])
    assert figure is not None
    assert [axes.get_xlabel()[:19] for axes in figure.axes] == ["layer of responses ", "layer of prompts (0"]
    check_look(figure)


def test_where_nothing_was_chosen_there_is_none() -> None:
    assert layer_choice([]) is None
