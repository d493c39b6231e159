"""Baselines on files, through the same verbs as the implicit model."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import probrm
from probrm.runs import find_recipe, recipe_names
from probrm_models.baselines import BASELINES
from probrm_models.implicit.naive import NaiveModel
from tests import support
from tests.support import call, refused

STORE = ("--embeddings", support.store_path())
FEATURES = ("--propensity-features", support.FEATURES)


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    with support.environment():
        yield


def test_every_method_is_a_recipe() -> None:
    assert set(BASELINES) <= set(recipe_names())
    assert {find_recipe(name).kind for name in BASELINES} == set(BASELINES)


@pytest.mark.parametrize("name", BASELINES)
def test_fit_evaluate_score_posterior(name: str) -> None:
    done = call("fit", name, "--data", support.log_path(), *FEATURES, *STORE, "--out", "r", "--json")
    assert done.code == 0, done.err
    found = json.loads(done.out)
    assert found["diagnostics"]["held_out_rows"] > 0
    assert np.isfinite(found["diagnostics"]["held_out_log_likelihood"])
    evaluated = json.loads(call("evaluate", "r", "--data", support.truth_path(), *STORE, "--bootstrap", "20", "--json").out)
    assert evaluated["rows"] == 200
    assert evaluated["baseline"].keys() == (set() if name == "naive" else evaluated["metrics"].keys())
    assert ("coverage" in evaluated["metrics"]) == (name == "naive")  # a point covers nothing
    if name != "recrec":  # its heads share the features, and on this small log they are swapped, without a word
        assert evaluated["metrics"]["auroc"]["value"] > 0.75
    assert call("score", "r", "--data", support.truth_path(), "--out", "s.csv", *STORE).code == 0
    scored = pd.read_csv("s.csv")
    assert np.isfinite(scored[["reward", "reward_sd", "reward_low", "reward_high", "probability"]]).all(axis=None)
    assert bool((scored["reward_sd"] == 0).all()) == (name != "naive")
    variables = json.loads(call("posterior", "r", "--json").out)["variables"]
    assert "reward_weights" in variables
    row = json.loads(call("posterior", "r", "--row", "r3", "--json").out)
    assert row["row"] == "r3"
    assert np.isfinite(row["reward"]["reward"])
    assert call("posterior", "r", "--plots", "p").code == 0
    assert ("selection.png" in {path.name for path in Path().glob("p/*")}) == (name != "naive")


def test_a_saved_run_scores_as_before() -> None:
    recipe = find_recipe("sar-em")
    from probrm.config import build_config

    config = build_config(recipe, flags={"data": {"propensity_features": ["surface"]}})
    run = recipe.fit(support.log_path(), config, embeddings=support.store_path())
    run.save("r")
    again = probrm.load("r")
    spec = recipe.read_spec(again.config["data"])
    one, two = (
        recipe.score(r, support.truth_path(), spec, embeddings=support.store_path())[0].column("reward").to_numpy() for r in (run, again)
    )
    np.testing.assert_array_equal(one, two)


def test_the_same_rows_are_held_out_as_by_the_implicit_model() -> None:
    assert call("fit", "ips", "--data", support.log_path(), *STORE, "--out", "r").code == 0
    assert probrm.load("r").split == probrm.load(support.short_run_path()).split


def test_a_verdict_takes_the_actions_place_in_the_naive_model() -> None:
    """A log whose every row has one gives the regression of the verdict, whatever the actions."""
    frame = support.log_frame(200)
    frame["true_probability"] = None
    frame.drop(columns="true_probability").to_parquet("l.parquet")
    frame.assign(action=frame["label"]).drop(columns=["true_probability", "label"]).to_parquet("a.parquet")
    frame.drop(columns=["true_probability", "label"]).to_parquet("o.parquet")
    quick = ("--columns", "user_id=", *STORE)
    for name in "lao":
        assert call("fit", "naive", "--data", f"{name}.parquet", *quick, "--out", name).code == 0
    verdicts, as_actions, actions = (probrm.load(name) for name in "lao")
    assert isinstance(verdicts.model, NaiveModel)
    one, two, other = (run.draws["base_rate"] for run in (verdicts, as_actions, actions))
    assert float((one.mean() - two.mean()).abs() / one.std()) < 0.2  # of 1000 draws each: 4 standard errors
    assert float((one.mean() - other.mean()).abs() / one.std()) > 2


def test_notes() -> None:
    done = call("fit", "ips", "--data", support.log_path(), "--columns", "user_id=", *STORE, "--starts", "4")
    assert "the propensity is the same in all rows" in done.err
    assert "guide, inference and starts are not used" in done.err
    quiet = call("fit", "ips", "--data", support.log_path(), *FEATURES, *STORE)
    assert "not used" not in quiet.err.replace("ignored columns", "")
    assert "is the same in all rows" not in quiet.err


def test_settings_that_a_method_has_not() -> None:
    base = ("--data", support.log_path(), *STORE)
    refused(call("fit", "upu", *base, "--set", "model.floor=0.2"), "model.floor", "upu has no use for it")
    refused(call("fit", "upu", *base, "--set", "model.flor=0.2"), "model.flor", "there is no such setting")
    refused(call("fit", "ips", *base, "--set", "model.floor=2"), "model.floor")
    refused(call("fit", "ips", *base, "--set", "held_out=0"), "nothing to select by")
    refused(call("fit", "naive", *base, "--set", "model.priors.intercept.loc=2"), "model.priors.intercept")
    refused(call("fit", "naive", *base, "--guide", "amortised"), "no latents in its rows")
    assert not Path("runs").exists()
