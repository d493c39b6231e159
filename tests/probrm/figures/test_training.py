from __future__ import annotations

import numpy as np

from probrm.figures import training
from tests.probrm.figures.drawn import check_look, points, texts

HISTORY = {
    "records": [{"step": 25, "elbo": -9.0}, {"step": 50, "elbo": -0.7, "held_out": -0.8}, {"step": 75, "elbo": -0.6, "held_out": -0.5}],
    "stages": [0, 60],
}


def test_bound_score_and_stages() -> None:
    figure = training(HISTORY, "pair", chance=True)
    assert figure is not None
    axes = figure.axes[0]
    assert [part.tolist() for part in points(axes, 0)] == [[25, 50, 75], [-9.0, -0.7, -0.6]]
    assert [part.tolist() for part in points(axes, 1)] == [[50, 75], [-0.8, -0.5]]
    np.testing.assert_allclose(points(axes, 2)[1], [-np.log(2)] * 2)
    assert points(axes, 3)[0].tolist() == [60, 60]
    assert axes.get_ylabel() == "nats a pair"
    assert "ELBO" in texts(figure)
    check_look(figure)


def test_without_a_training_there_is_none() -> None:
    assert training({}) is None
    assert training({"records": [], "stages": []}) is None
