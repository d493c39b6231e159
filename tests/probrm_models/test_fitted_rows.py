"""The rows of a run, read from its file again, against what the fit was given."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import probrm
from probrm.errors import ConfigError, DataError
from probrm.inference import Fitted, Laplace
from probrm.recipes import Recipe
from probrm.runs import Run, find_recipe
from tests import pair_support, support


@pytest.fixture(scope="module")
def implicit() -> Run:
    with support.environment():
        return probrm.load(support.run_path())


@pytest.fixture(scope="module")
def pairs() -> Run:
    with support.environment():
        return probrm.load(pair_support.run_path())


def test_a_log_again(implicit: Run) -> None:
    """What the model says of the rows is what the fit recorded of them: the held-out likelihood comes out to the last digit."""
    recipe = find_recipe("implicit")
    with support.environment():
        rows = recipe.fitted_rows(implicit)
    frame = support.unlabelled()
    assert len(rows) == 300
    assert rows.ids.tolist() == frame["id"].tolist()
    assert rows.texts[7] == {"prompt": frame.prompt[7], "response": frame.response[7]}
    np.testing.assert_array_equal(rows.observed["action"], frame["action"].to_numpy(np.float32))
    assert rows.constant["propensity_covariates"].shape == (300, 2)
    assert rows.dims["propensity_covariates"] == ("row", "propensity_effect")
    assert rows.constant["user"].tolist() == frame["user_id"].tolist()
    assert {"label", "weight", "reward_covariates"}.isdisjoint(rows.constant)
    assert set(rows.ids[rows.held_out]) == set(implicit.split)
    held = rows.batch.subset(torch.from_numpy(np.flatnonzero(rows.held_out)))
    density = implicit.model.log_likelihood(implicit.draws, held).logsumexp(0) - np.log(len(implicit.draws["base_rate"]))
    assert float(density.mean()) == pytest.approx(implicit.metrics["diagnostics"]["held_out_log_likelihood"], abs=0.02)


def test_rows_of_a_fit_that_was_repeated_are_all_seen(implicit: Run) -> None:
    again = replace(implicit, config=implicit.config | {"inference": implicit.config["inference"] | {"refit": True}})
    with support.environment():
        rows = find_recipe("implicit").fitted_rows(again)
    assert not rows.held_out.any()
    assert rows.selection.sum() == len(implicit.split) > 0


def test_rewards_of_fitted_rows(implicit: Run) -> None:
    recipe = find_recipe("implicit")
    with support.environment():
        rows = recipe.fitted_rows(implicit)
    found = recipe.row_predictions(implicit, rows)
    draws = implicit.model.reward(implicit.draws, rows.batch)
    np.testing.assert_allclose(found.mean, draws.mean(0), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(found.sd, draws.std(0), rtol=1e-4)
    assert found.name == "reward (logit)"


def test_pairs_again(pairs: Run) -> None:
    recipe = find_recipe(pairs.kind)
    with support.environment():
        rows = recipe.fitted_rows(pairs)
        found = recipe.row_predictions(pairs, rows)
    assert len(rows) == pairs.record["data"]["rows"]
    assert set(rows.texts[0]) == {"prompt", "chosen", "rejected"}
    assert set(np.unique(rows.observed["outcome"])) <= {0.0, 0.5, 1.0}
    assert ((found.low <= found.mean) & (found.mean <= found.high)).all()
    assert float(((found.high - found.low) / found.sd).mean()) == pytest.approx(3.3, abs=0.3)  # of a normal one 3.29


def test_a_file_that_has_changed(implicit: Run, tmp_path: Path) -> None:
    record = implicit.record | {"data": implicit.record["data"] | {"source": str(tmp_path / "gone.parquet")}}
    with pytest.raises(DataError, match="changed or moved"):
        find_recipe("implicit").fitted_rows(replace(implicit, record=record))


def test_a_refit_by_laplace_on_the_runs_rows_is_the_run(implicit: Run) -> None:
    """Fitted by Laplace on the rows that were not held out; with other ones it is another posterior."""
    recipe = find_recipe("implicit")
    with support.environment():
        rows = recipe.fitted_rows(implicit)
    seen = rows.batch.subset(torch.from_numpy(np.flatnonzero(~rows.held_out)))
    assert _farthest(implicit, recipe.refit(implicit, seen, inference=Laplace(draws=1000))) < 0.3
    fewer = seen.subset(torch.arange(80))
    assert _farthest(implicit, recipe.refit(implicit, fewer, inference=Laplace(draws=1000))) > 0.6


def _farthest(run: Run, fitted: Fitted) -> float:
    """Distance of posterior means, in the run's standard deviations."""
    names = ("propensity_effects", "user_activity")
    return max(float(((run.draws[n].mean(0) - fitted.draws[n].mean(0)) / run.draws[n].std(0)).abs().max()) for n in names)


def test_a_recipe_that_says_nothing_of_its_rows(implicit: Run) -> None:
    recipe = find_recipe("implicit")
    with pytest.raises(ConfigError, match="does not say which rows"):
        Recipe.fitted_rows(recipe, implicit)
