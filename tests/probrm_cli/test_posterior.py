from __future__ import annotations

import json
import os
from pathlib import Path

import arviz
import numpy as np
import pytest

import probrm
from tests import support
from tests.support import call, refused


def test_json_of_the_contract() -> None:
    done = call("posterior", support.run_path(), "--json")
    assert done.code == 0, done.err
    assert done.out.count("\n") == 1
    found = json.loads(done.out)
    assert {"variables", "diagnostics", "identifiability"} <= found.keys()
    for variable in found["variables"].values():
        assert {"mean", "sd", "low", "high", "coords"} == variable.keys()
    effects = found["variables"]["propensity_effects"]
    assert effects["coords"] == {"propensity_effect": ["surface[web]", "hour"]}
    assert effects["high"][0] < 0  # users act less on the web than in the ide, the most frequent surface
    assert found["variables"]["base_rate"]["coords"] == {}
    assert found["variables"]["base_rate"]["low"] < found["variables"]["base_rate"]["mean"] < found["variables"]["base_rate"]["high"]
    assert len(found["variables"]["user_activity"]["mean"]) == len(found["variables"]["user_activity"]["coords"]["user"]) == 12


def test_a_person_gets_a_table_with_weights_left_out() -> None:
    done = call("posterior", support.run_path())
    assert done.code == 0
    assert "posterior of implicit (1000 draws)" in done.out
    assert "propensity_effects[surface[web]]" in done.out  # brackets are no markup
    assert "user_activity[u0]" in done.out
    assert "reward_weights[h0]" not in done.out
    assert "not shown: reward_weights" in done.out
    assert all(line.startswith("note: ") for line in done.err.splitlines())
    assert call("posterior", support.run_path(), "--quiet").err == ""


def test_chosen_variables() -> None:
    done = call("posterior", support.run_path(), "--var", "base_rate", "--var", "reward_weights")
    assert "reward_weights[h383]" in done.out
    assert "user_activity" not in done.out
    found = json.loads(call("posterior", support.run_path(), "--var", "base_rate", "--json").out)
    assert list(found["variables"]) == ["base_rate"]


def test_a_variable_that_is_not_there() -> None:
    outcome = call("posterior", support.run_path(), "--var", "base_rat", "--netcdf", "draws.nc")
    refused(outcome, "--var base_rat", "base_rate", "user_activity_scale")
    assert not Path("draws.nc").exists()


def test_one_row() -> None:
    done = call("posterior", support.run_path(), "--row", "r7", "--json")
    assert done.code == 0, done.err
    found = json.loads(done.out)
    row = support.unlabelled().set_index("id").loc["r7"]
    assert (found["row"], found["prompt"], found["response"], found["action"]) == ("r7", row.prompt, row.response, row.action)
    strata = found["strata"]
    assert sum(stratum["mean"] for stratum in strata.values()) == pytest.approx(1, abs=1e-5)
    assert strata["PA"]["mean"] == row.action  # an action is both preferred and active, no action is not
    assert {"intercept", "surface[web]", "hour", f"user {row.user_id}"} == found["propensity_log_odds"].keys()
    assert found["reward"]["reward_low"] < found["reward"]["reward"] < found["reward"]["reward_high"]
    assert 0 < found["propensity"]["low"] < found["propensity"]["mean"] < found["propensity"]["high"] < 1


def test_one_row_as_a_table_from_another_folder() -> None:
    Path("elsewhere").mkdir()
    os.chdir("elsewhere")
    done = call("posterior", support.run_path(), "--row", "r0")
    assert done.code == 0, done.err
    for text in ("row: r0", "prompt: What is", "stratum NA", "propensity to act", "propensity: hour (log-odds)"):
        assert text in done.out


def test_a_row_that_is_not_there() -> None:
    refused(call("posterior", support.run_path(), "--row", "nobody"), "--row nobody", "r0, r1, r2")


def test_a_log_that_has_changed_or_gone() -> None:
    support.unlabelled().to_parquet("log.parquet")
    assert call(*support.quick_fit(Path("r"), data="log.parquet")).code == 0
    support.unlabelled(120).to_parquet("log.parquet")
    refused(call("posterior", "r", "--row", "r7"), "log.parquet", "has changed or moved since the fit")
    Path("log.parquet").unlink()
    refused(call("posterior", "r", "--row", "r7"), "log.parquet", "has changed or moved since the fit")
    assert call("posterior", "r").code == 0


def test_netcdf_opens_in_arviz_with_names() -> None:
    done = call("posterior", support.run_path(), "--netcdf", "a/b/draws.nc", "--json")
    assert done.code == 0, done.err
    assert json.loads(done.out)
    assert done.err == "note: draws: a/b/draws.nc\n"
    data = arviz.from_netcdf("a/b/draws.nc")
    posterior = data["posterior"]
    assert posterior["user_activity"].dims == ("chain", "draw", "user")
    assert list(posterior["propensity_effects"]["propensity_effect"].values) == ["surface[web]", "hour"]
    assert posterior["base_rate"].shape == (1, 1000)
    run = probrm.load(support.run_path())
    np.testing.assert_array_equal(posterior["user_activity"].values[0], run.draws["user_activity"].numpy())
    assert data.attrs["model"] == "implicit"
    assert "pyro-ppl" in json.loads(data.attrs["versions"])
    assert arviz.summary(data, var_names=["base_rate"]).shape[0] == 1


def test_figures() -> None:
    done = call("posterior", support.run_path(), "--plots", "figures")
    assert done.code == 0, done.err
    assert {path.name for path in Path("figures").iterdir()} == {"base_rate.png", "propensity_effects.png", "user_activity.png"}
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in Path("figures").iterdir())


@pytest.mark.parametrize("flags", [("--plots", "taken"), ("--netcdf", "taken/draws.nc")])
def test_figures_and_draws_where_a_file_is_in_the_way(flags: tuple[str, str]) -> None:
    Path("taken").write_text("mine")
    refused(call("posterior", support.run_path(), *flags, "--quiet"), "taken/", "cannot be written")
    assert Path("taken").read_text() == "mine"
