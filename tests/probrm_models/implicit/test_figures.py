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
from probrm.recipes.row_figures import Shown, covariate_groups, left_out
from probrm.runs import Run, find_recipe
from probrm.runs.fitted_rows import FittedRows
from probrm_models.implicit.figures import figures
from probrm_models.implicit.model import ImplicitModel
from probrm_models.implicit.row_figures import action_probability, strata_shares
from tests import support

ALWAYS = {"quantities", "directions", "propensity_effects", "user_activity", "level"}


@pytest.fixture
def run() -> Run:
    return probrm.load(support.run_path())


@pytest.fixture
def rows(run: Run) -> FittedRows:
    with support.environment():
        return find_recipe("implicit").fitted_rows(run)


def axes(figure: Figure) -> Axes:
    return figure.axes[0]


def test_one_figure_for_each_thing_that_there_is(run: Run) -> None:
    assert figures(run).keys() - {"importance_ratios"} == ALWAYS
    run.history = {"records": [{"step": 25, "elbo": -0.7}, {"step": 50, "elbo": -0.6}], "stages": [0, 25]}
    run.draws["reward_effects"] = run.draws["propensity_effects"][:, :1]
    model: Any = run.model
    model.shape = dataclasses.replace(model.shape, reward_effects=("x",))
    made = figures(run)
    assert made.keys() - {"importance_ratios"} == ALWAYS | {"training", "reward_effects"}
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
    table = run.summary()
    several = dataclasses.replace(
        table["propensity_effects"],
        **{name: np.arange(4.0).reshape(2, 2) + shift for name, shift in (("mean", 0), ("low", -1), ("high", 1))},
        coords={"action": ["copied", "rating"], "propensity_effect": ["surface[web]", "hour"]},
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Run, "summary", lambda _: {"propensity_effects": several})
        panels = figures(run)["propensity_effects"].axes
    assert [panel.get_title(loc="left") for panel in panels] == ["copied", "rating"]  # type: ignore[call-overload]
    assert [np.asarray(panel.lines[0].get_xdata()).tolist() for panel in panels] == [[0, 1], [2, 3]]
    assert [label.get_text() for label in panels[1].get_yticklabels()] == ["surface[web]", "hour"]


def test_users_stand_in_the_order_of_their_activity(run: Run) -> None:
    found = axes(figures(run)["user_activity"])
    np.testing.assert_allclose(np.asarray(found.lines[0].get_ydata()), np.sort(run.summary()["user_activity"].mean))
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


def test_the_base_rate_stands_beside_its_prior(run: Run) -> None:
    found = axes(figures(run)["quantities"])
    assert found.get_title(loc="left") == "base_rate"  # type: ignore[call-overload]
    x, y = found.lines[0].get_data()
    np.testing.assert_allclose(np.asarray(y), 6 * np.asarray(x) * (1 - np.asarray(x)), rtol=1e-4)  # Beta(2, 2)


def test_the_level_is_the_run_s_own_profile(run: Run) -> None:
    level = run.metrics["identifiability"]["level"]
    x, y = axes(figures(run)["level"]).lines[0].get_data()
    np.testing.assert_allclose(np.asarray(x), level["profile"]["base_rate"])
    np.testing.assert_allclose(np.asarray(y), level["profile"]["log_evidence"])


def test_chains_have_traces_and_ranks(run: Run) -> None:
    count = len(run.draws["base_rate"])
    run.sample_stats = {"n_steps": np.ones(count), "diverging": np.arange(count) == 3}
    run.chains = 2
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Run, "summary", lambda _: {})
        made = figures(run)
    assert {"trace", "ranks"} <= made.keys()
    np.testing.assert_allclose(np.asarray(axes(made["trace"]).lines[0].get_ydata()), run.draws["base_rate"][: count // 2].numpy())


def test_a_single_draw(run: Run, rows: FittedRows) -> None:
    run.draws = {name: value[:1] for name, value in run.draws.items()}
    run.sample_stats = {}
    made = figures(run, rows)
    assert "directions" not in made
    for figure in made.values():
        figure.savefig(BytesIO(), format="png")


def test_figures_of_rows(run: Run, rows: FittedRows) -> None:
    made = figures(run, rows)
    assert {"posterior_predictive", "calibration", "strata"} <= made.keys()
    frame = support.unlabelled()
    panel = next(a for a in made["posterior_predictive"].axes if a.get_title(loc="left") == "by surface (rows)")  # type: ignore[call-overload]
    np.testing.assert_allclose(
        np.asarray(panel.lines[1].get_xdata()), frame.groupby("surface")["action"].mean()[["ide", "web"]], rtol=1e-12
    )


def test_held_out_rows_are_predicted_as_they_are_and_the_others_without_themselves(run: Run, rows: FittedRows) -> None:
    """A row that the posterior has seen is predicted worse without it."""
    shown, given, about = left_out(run, rows)
    density = run.model.log_likelihood(run.draws, rows.batch).double()
    itself = density.exp().mean(0).numpy()
    np.testing.assert_array_equal(shown.index, np.arange(300))
    np.testing.assert_allclose(given[rows.held_out], itself[rows.held_out], rtol=1e-5)
    seen = ~rows.held_out
    assert (np.log(given[seen]) < np.log(itself[seen])).mean() > 0.95
    assert "without it" in about


def test_predicted_actions_are_the_product_of_preference_and_propensity(run: Run, rows: FittedRows) -> None:
    assert isinstance(run.model, ImplicitModel)
    shown = Shown.of(run, rows)
    expected = run.model.reward(shown.draws, shown.batch).sigmoid() * run.model.propensity(shown.draws, shown.batch).sigmoid()
    torch.testing.assert_close(action_probability(run.model, shown), expected, rtol=1e-4, atol=1e-6)


def test_strata_by_bayes_rule(run: Run, rows: FittedRows) -> None:
    assert isinstance(run.model, ImplicitModel)
    shown = Shown.of(run, rows)
    none, acted = strata_shares(run.model, shown)
    np.testing.assert_allclose(acted, np.tile([1.0, 0, 0, 0], (len(acted), 1)), atol=1e-6)
    good = run.model.reward(shown.draws, shown.batch).sigmoid()
    active = run.model.propensity(shown.draws, shown.batch).sigmoid()
    passive = ((good * (1 - active)) / (1 - good * active))[:, shown.batch["action"] == 0].mean(1)
    np.testing.assert_allclose(none[:, 2], passive.numpy(), rtol=1e-4)
    np.testing.assert_allclose(none.sum(1), 1, rtol=1e-5)


def test_covariates_in_the_units_of_the_log(run: Run, rows: FittedRows) -> None:
    surface, hour = covariate_groups(run.inputs.propensity, rows.batch["propensity_covariates"])
    frame = support.unlabelled()
    assert surface.labels == ("ide", "web")
    np.testing.assert_array_equal(np.array(surface.labels)[surface.index], frame["surface"])
    assert (hour.labels[0].split()[0], hour.labels[-1].split()[-1]) == ("0", "23")


def test_of_many_rows_some_are_shown(run: Run, rows: FittedRows, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("probrm.recipes.row_figures.MOST_ROWS", 100)
    shown = Shown.of(run, rows)
    assert len(shown.batch) == len(shown.weight) == len(shown.held_out) == 100
    torch.testing.assert_close(shown.batch["action"], rows.batch["action"][shown.index])
    assert "100 of 300 rows" in shown.about
