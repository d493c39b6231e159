from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

import arviz
import numpy as np
import pytest

import probrm
from probrm.diagnostics import referee
from tests import support
from tests.support import call, refused


def test_json_of_the_contract() -> None:
    done = call("posterior", support.short_run_path(), "--json")
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
    done = call("posterior", support.short_run_path())
    assert done.code == 0
    assert f"posterior of implicit ({support.DRAWS} draws)" in done.out
    assert "propensity_effects[surface[web]]" in done.out  # brackets are no markup
    assert "user_activity[u0]" in done.out
    assert "reward_weights[h0]" not in done.out
    assert "not shown: reward_weights" in done.out
    assert all(line.startswith("note: ") for line in done.err.splitlines())
    assert call("posterior", support.short_run_path(), "--quiet").err == ""


def test_chosen_variables() -> None:
    done = call("posterior", support.short_run_path(), "--var", "base_rate", "--var", "reward_weights")
    assert "reward_weights[h5]" in done.out
    assert "user_activity" not in done.out
    found = json.loads(call("posterior", support.short_run_path(), "--var", "base_rate", "--json").out)
    assert list(found["variables"]) == ["base_rate"]


def test_a_variable_that_is_not_there() -> None:
    outcome = call("posterior", support.short_run_path(), "--var", "base_rat", "--netcdf", "draws.nc")
    refused(outcome, "--var base_rat", "base_rate", "user_activity_scale")
    assert not Path("draws.nc").exists()


def test_one_row() -> None:
    done = call("posterior", support.short_run_path(), "--row", "r7", "--json")
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
    done = call("posterior", support.short_run_path(), "--row", "r0")
    assert done.code == 0, done.err
    for text in ("row: r0", "prompt: What is", "stratum NA", "propensity to act", "propensity: hour (log-odds)"):
        assert text in done.out


def test_a_row_that_is_not_there() -> None:
    refused(call("posterior", support.short_run_path(), "--row", "nobody"), "--row nobody", "r0, r1, r2")


def test_a_log_that_has_changed_or_gone() -> None:
    """Log and store are looked for beside the run, as they were."""
    shutil.copytree(support.short_run_path(), "r")
    for path in (support.log_path(), support.store_path()):
        shutil.copy(path, ".")
    assert call("posterior", "r", "--row", "r7").code == 0
    support.unlabelled(120).to_parquet("log.parquet")
    refused(call("posterior", "r", "--row", "r7"), "log.parquet", "has changed or moved since the fit")
    Path("log.parquet").unlink()
    refused(call("posterior", "r", "--row", "r7"), "log.parquet", "has changed or moved since the fit")
    assert call("posterior", "r").code == 0
    done = call("posterior", "r", "--plots", "figures", "--netcdf", "draws.nc")
    assert done.code == 0, done.err
    assert "note: what needs the fitted rows is left out: " in done.err
    made = {path.stem for path in Path("figures").iterdir()}
    assert "user_activity" in made
    assert "calibration" not in made
    assert "log_likelihood" not in arviz.from_netcdf("draws.nc").groups()
    refused(call("posterior", "r", "--referee"), "log.parquet")


def test_netcdf_opens_in_arviz_with_names() -> None:
    done = call("posterior", support.short_run_path(), "--netcdf", "a/b/draws.nc", "--json")
    assert done.code == 0, done.err
    assert json.loads(done.out)
    assert done.err == "note: draws: a/b/draws.nc\n"
    data = arviz.from_netcdf("a/b/draws.nc")
    assert {"posterior", "sample_stats", "posterior_predictive", "observed_data", "log_likelihood", "constant_data"} <= set(data.groups())
    posterior = data["posterior"]
    assert posterior["user_activity"].dims == ("chain", "draw", "user")
    assert list(posterior["propensity_effects"]["propensity_effect"].values) == ["surface[web]", "hour"]
    assert posterior["base_rate"].shape == (1, support.DRAWS)
    run = probrm.load(support.short_run_path())
    np.testing.assert_array_equal(posterior["user_activity"].values[0], run.draws["user_activity"].numpy())
    assert data.attrs["model"] == "implicit"
    assert "pyro-ppl" in json.loads(data.attrs["versions"])
    assert arviz.summary(data, var_names=["base_rate"]).shape[0] == 1


def test_figures() -> None:
    before = files_of(support.short_run_path())
    done = call("posterior", support.short_run_path(), "--plots", "figures")
    assert done.code == 0, done.err
    assert files_of(support.short_run_path()) == before
    assert {path.name for path in Path("figures").iterdir()} >= {"propensity_effects.png", "calibration.png", "user_activity.png"}
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in Path("figures").iterdir())


def files_of(run: str) -> dict[str, str]:
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(Path(run).rglob("*")) if path.is_file()}


@pytest.mark.parametrize(
    "flags",
    [
        ("--json",),
        ("--var", "^base", "--filter", "regex"),
        ("--row", "r0"),
        ("--netcdf", "draws.nc"),
        ("--psis",),
    ],
)
def test_looking_changes_nothing_in_the_run(flags: tuple[str, ...]) -> None:
    run = support.short_run_path()
    before = files_of(run)
    assert call("posterior", run, *flags).code in (0, 2)
    assert files_of(run) == before


def test_the_table_names_its_interval_and_the_verdicts() -> None:
    done = call("posterior", support.short_run_path(), "--var", "base", "--var", "effects", "--filter", "like")
    assert done.code == 0, done.err
    assert "central 90 % interval" in done.out
    assert "R̂" not in done.out.split("trusted")[0]  # a guide's draws are independent whatever it is worth
    assert "Pareto k̂ of the importance ratios: " in done.out
    assert done.out.count("interval reliability: ") == 1
    assert "propensity_effects[hour]" in done.out
    assert "user_activity" not in done.out.split("Pareto")[0]
    found = json.loads(call("posterior", support.short_run_path(), "--json").out)
    assert found["trust"]["verdict"] in {"yes", "with care", "no"}
    assert found["trust"]["reasons"]
    assert found["diagnostics"]["approximation"]["draws"] == 4 * support.DRAWS  # four times as many as are kept


def test_filters_that_find_nothing_or_are_none() -> None:
    run = support.short_run_path()
    refused(call("posterior", run, "--var", "tax", "--filter", "like"), "--var tax", "base_rate")
    refused(call("posterior", run, "--var", "(", "--filter", "regex"), "--var (", "no regular expression")
    refused(call("posterior", run, "--var", "base", "--filter", "glob"), "--filter", "like, regex")
    refused(call("posterior", run, "--filter", "like"), "--filter like", "--var")
    refused(call("posterior", run, "--psis", "--referee"), "--psis --referee")
    refused(call("posterior", run, "--psis", "--row", "r0"), "--row --psis")


def changed(monkeypatch: pytest.MonkeyPatch, **stats: np.ndarray) -> None:
    """The run as it is, with other statistics of its draws."""
    run = probrm.load(support.short_run_path())
    run.sample_stats = stats
    monkeypatch.setattr("probrm.runs.load", lambda path: run)


def test_resampled_draws_in_table_json_and_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """With ratios that speak for a high base rate: e^(5 π), which is bounded."""
    draws = probrm.load(support.short_run_path()).draws["base_rate"].double().numpy()
    changed(monkeypatch, log_density=5 * draws, log_guide=np.zeros(support.DRAWS))
    done = call("posterior", "run", "--psis", "--var", "base_rate", "--json", "--netcdf", "draws.nc")
    assert done.code == 0, done.err
    w = np.exp(5 * draws)
    found = json.loads(done.out)["variables"]["base_rate"]["mean"]
    assert found == pytest.approx(float((w / w.sum()) @ draws), abs=5e-3)
    assert found > draws.mean() + 0.008
    data = arviz.from_netcdf("draws.nc")
    assert float(data["posterior"]["base_rate"].mean()) == pytest.approx(found, abs=1e-5)
    assert json.loads(data.attrs["psis"])["verdict"] == "good"
    assert f"{support.DRAWS} draws, resampled by importance" in call("posterior", "run", "--psis").out


def test_resampling_is_refused_where_it_cannot_help(monkeypatch: pytest.MonkeyPatch) -> None:
    heavy = np.random.default_rng(0).standard_normal(support.DRAWS) ** 2 / 2
    changed(monkeypatch, log_density=heavy, log_guide=np.zeros(support.DRAWS))
    refused(
        call("posterior", "run", "--psis", "--netcdf", "draws.nc"),
        "--psis: Pareto k̂ is ",
        f"reliable up to {1 - 1 / np.log10(support.DRAWS):.2f}",
        "--referee",
    )
    changed(monkeypatch)
    refused(call("posterior", "run", "--psis"), "--psis: the densities of the draws are not in the run")
    changed(monkeypatch, n_steps=np.ones(support.DRAWS), diverging=np.zeros(support.DRAWS, bool))
    refused(call("posterior", "run", "--psis"), "--psis: the draws are NUTS'")
    refused(call("posterior", "run", "--referee"), "--referee: the run was sampled by NUTS")
    assert not Path("draws.nc").exists()


def test_a_samplers_table_has_effective_draws_and_r_hat(monkeypatch: pytest.MonkeyPatch) -> None:
    changed(monkeypatch, n_steps=np.ones(support.DRAWS), diverging=np.zeros(support.DRAWS, bool))
    done = call("posterior", "run", "--var", "base_rate")
    assert "ESS bulk" in done.out
    assert "R̂" in done.out
    assert {"ess_bulk", "ess_tail", "r_hat"} <= json.loads(call("posterior", "run", "--json").out)["variables"]["base_rate"].keys()


def test_a_point_estimate(monkeypatch: pytest.MonkeyPatch) -> None:
    run = probrm.load(support.short_run_path())
    run.draws, run.sample_stats = {name: value[:1].expand_as(value) for name, value in run.draws.items()}, {}
    monkeypatch.setattr("probrm.runs.load", lambda path: run)
    assert "interval reliability: no intervals: a point estimate" in call("posterior", "run").out
    refused(call("posterior", "run", "--psis"), "--psis: the run is a point estimate")
    refused(call("posterior", "run", "--referee"), "--referee: the run is a point estimate")


@pytest.mark.parametrize("flags", [("--netcdf", "draws.nc"), ("--plots", "figures")])
def test_a_row_that_is_not_there_leaves_nothing_written(flags: tuple[str, str]) -> None:
    refused(call("posterior", support.short_run_path(), *flags, "--row", "nobody"), "--row nobody", "no such row")
    assert not Path(flags[1]).exists()


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_the_referee_in_table_and_json(monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes minutes, and is asked once: the second time its report is the first one's."""
    before, reports, judge = files_of(support.short_run_path()), [], referee.referee

    def once(*args: Any, **given: Any) -> referee.RefereeReport:
        reports[:] = reports or [judge(*args, **given)]
        return reports[0]

    monkeypatch.setattr(referee, "referee", once)
    done = call("posterior", support.short_run_path(), "--referee")
    assert done.code == 0, done.err
    for text in ("laplace and NUTS on all ", "the referee itself: R̂ at most", "full-rank", "below the best", "NUTS on all "):
        assert text in done.out
    found = json.loads(call("posterior", support.short_run_path(), "--referee", "--json").out)
    assert found["referee"]["variables"].keys() == found["variables"].keys()
    assert min(bound["gap"] for bound in found["referee"]["bounds"].values()) == 0
    assert files_of(support.short_run_path()) == before


@pytest.mark.parametrize(
    "flags", [("--netcdf", "r/posterior.nc"), ("--netcdf", "r/new/draws.nc"), ("--plots", "r"), ("--plots", "r/figures")]
)
def test_nothing_is_written_into_a_run(flags: tuple[str, str]) -> None:
    shutil.copytree(support.short_run_path(), "r")
    before = {path: path.read_bytes() for path in sorted(Path("r").rglob("*"))}
    refused(call("posterior", "r", *flags), f"{flags[0]} {flags[1]}", "inside the run", "name another folder")
    assert {path: path.read_bytes() for path in sorted(Path("r").rglob("*"))} == before


def test_draws_replace_draws_and_no_other_file() -> None:
    Path("mine.py").write_text("print()")
    refused(call("posterior", support.short_run_path(), "--netcdf", "mine.py"), "--netcdf mine.py", "no NetCDF file")
    assert Path("mine.py").read_text() == "print()"
    for _ in range(2):
        assert call("posterior", support.short_run_path(), "--netcdf", "draws.nc", "--var", "base_rate").code == 0


@pytest.mark.parametrize("flags", [("--plots", "taken"), ("--netcdf", "taken/draws.nc")])
def test_figures_and_draws_where_a_file_is_in_the_way(flags: tuple[str, str]) -> None:
    Path("taken").write_text("mine")
    refused(call("posterior", support.short_run_path(), *flags, "--quiet"), "taken")
    assert Path("taken").read_text() == "mine"
