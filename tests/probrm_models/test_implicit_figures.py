from __future__ import annotations

import dataclasses
from io import BytesIO
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import probrm
from probrm.runs import Run
from probrm_models.implicit_figures import figures
from tests import support


@pytest.fixture
def run() -> Run:
    return probrm.load(support.run_path())


def axes(figure: Figure) -> Axes:
    return figure.axes[0]


def test_one_figure_for_each_thing_that_there_is(run: Run) -> None:
    made = figures(run)
    assert made.keys() == {"propensity_effects", "user_activity", "base_rate"}
    run.history = {"records": [{"step": 25, "elbo": -0.7}, {"step": 50, "elbo": -0.6}], "stages": [0, 25]}
    run.draws["reward_effects"] = run.draws["propensity_effects"][:, :1]
    model: Any = run.model
    model.shape = dataclasses.replace(model.shape, reward_effects=("x",))
    made = figures(run)
    assert made.keys() == {"training", "propensity_effects", "reward_effects", "user_activity", "base_rate"}
    for figure in made.values():
        figure.savefig(BytesIO(), format="png")
    assert plt.get_fignums() == []  # nothing global


def test_effects_are_drawn_where_they_are_and_by_name(run: Run) -> None:
    found, table = axes(figures(run)["propensity_effects"]), run.summary()["propensity_effects"]
    assert [label.get_text() for label in found.get_yticklabels()] == ["surface[web]", "hour"]
    x, y = found.lines[0].get_data()
    np.testing.assert_allclose(np.asarray(x), table.mean)
    assert list(np.asarray(y)) == [1, 0]  # the first on top
    segments = found.collections[0].get_segments()  # type: ignore[attr-defined]
    np.testing.assert_allclose([[s[0][0], s[1][0]] for s in segments], np.stack([table.low, table.high], 1))


def test_effects_on_each_of_several_actions(run: Run) -> None:
    several = dataclasses.replace(
        run.summary()["propensity_effects"],
        **{name: np.arange(4.0).reshape(2, 2) + shift for name, shift in (("mean", 0), ("low", -1), ("high", 1))},
        coords={"action": ["copied", "rating"], "propensity_effect": ["surface[web]", "hour"]},
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Run, "summary", lambda _: {"propensity_effects": several})
        found = axes(figures(run)["propensity_effects"])
    named = ["copied: surface[web]", "copied: hour", "rating: surface[web]", "rating: hour"]
    assert [label.get_text() for label in found.get_yticklabels()] == named
    assert list(np.asarray(found.lines[0].get_xdata())) == [0, 1, 2, 3]
    assert list(np.asarray(found.lines[0].get_ydata())) == [3, 2, 1, 0]


def test_users_stand_in_the_order_of_their_activity(run: Run) -> None:
    found = axes(figures(run)["user_activity"])
    means = np.asarray(found.lines[0].get_ydata())
    assert len(means) == 12
    assert np.all(np.diff(means) >= 0)
    assert found.get_xlabel() == "users by activity (12 of 12)"


def test_of_many_users_some_are_shown_the_ends_among_them(run: Run) -> None:
    users = tuple(f"u{i}" for i in range(200))
    model: Any = run.model
    model.shape = dataclasses.replace(model.shape, users=users)
    run.draws["user_activity"] = run.draws["base_rate"][:, None] + torch.randperm(200)
    found = axes(figures(run)["user_activity"])
    means = np.asarray(found.lines[0].get_ydata())
    assert len(means) == 60
    all_means = np.sort(run.summary()["user_activity"].mean)
    np.testing.assert_allclose([means[0], means[-1]], [all_means[0], all_means[-1]])


def test_the_training_and_its_stages(run: Run) -> None:
    run.history = {"records": [{"step": 25, "elbo": -0.7}, {"step": 50, "elbo": -0.6}], "stages": [0, 25]}
    found = axes(figures(run)["training"])
    assert [list(np.asarray(part)) for part in found.lines[0].get_data()] == [[25, 50], [-0.7, -0.6]]
    assert len(found.lines) == 2


def test_the_base_rate_is_a_density(run: Run) -> None:
    bars = axes(figures(run)["base_rate"]).patches
    assert sum(bar.get_width() * bar.get_height() for bar in bars) == pytest.approx(1)  # type: ignore[attr-defined]
