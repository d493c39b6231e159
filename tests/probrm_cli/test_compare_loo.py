"""``probrm compare``: leave-one-out on the rows that the runs were fitted to."""

from __future__ import annotations

import functools
import json
import shutil
from pathlib import Path
from typing import Any

import arviz
import pytest

from probrm.posterior import posterior_groups, to_arviz
from probrm.recipes import loo_comparison
from probrm.runs import find_recipe, load
from tests import pair_support, support
from tests.support import call, refused


@functools.cache
def plain_run() -> str:
    """Another model of the same rows: the naive one."""
    path = Path(support.short_run_path()).with_name("plain")
    assert call(*support.naive_fit(path)).code == 0
    return str(path)


@functools.cache
def point_run() -> str:
    path = str(Path(support.short_run_path()).with_name("point"))
    fit = call("fit", "ips", "--data", support.log_path(), "--embeddings", support.store_path(), "--out", path)
    assert fit.code == 0, fit.err
    return path


def found(*args: str) -> dict[str, Any]:
    done = call("compare", *args, "--json")
    assert done.code == 0, done.err
    return json.loads(done.out)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
def test_the_numbers_are_those_of_arviz_on_the_exported_runs() -> None:
    paths = (support.short_run_path(), plain_run())
    loo = found(*paths)["loo"]
    theirs: dict[str, Any] = {}
    for path in paths:
        run = load(path)
        groups = posterior_groups(run.model, run.draws, rows=find_recipe(run.kind).fitted_rows(run))
        theirs[path] = arviz.loo(to_arviz(groups), pointwise=True)
        mine = loo["models"][path]
        assert (mine["elpd"], mine["se"]) == pytest.approx((theirs[path].elpd_loo, theirs[path].se), abs=1e-3)
        assert mine["p_loo"] == pytest.approx(theirs[path].p_loo, abs=1e-3)
        assert mine["pareto_k"]["above"] == int((theirs[path].pareto_k > theirs[path].good_k).sum())
        assert mine["elpd_per_row"] == pytest.approx(mine["elpd"] / loo["rows"])
    assert 200 < loo["rows"] < 300  # those held out were not fitted to
    assert (loo["rows_used"], loo["reference"]) == (loo["rows"], paths[0])
    table: Any = arviz.compare(theirs)
    other = table.index[1]
    change = loo["models"][paths[1]]["difference"]
    sign = -1 if other == paths[1] else 1
    assert change["value"] == pytest.approx(sign * table.loc[other, "elpd_diff"], abs=1e-3)
    assert change["se"] == pytest.approx(table.loc[other, "dse"], abs=1e-3)
    assert loo["models"][paths[0]]["difference"] is None
    for path in paths:
        assert loo["models"][path]["weight"] == pytest.approx(table.loc[path, "weight"], abs=1e-6)


def test_a_person_gets_a_table_beside_the_metrics() -> None:
    args = (support.short_run_path(), plain_run(), point_run())
    for more in ((), ("--data", support.truth_path(), "--embeddings", support.store_path(), "--bootstrap", "5")):
        done = call("compare", *args, *more)
        assert done.code == 0, done.err
        for text in ("PSIS-LOO", "elpd ↑", "p_loo", "weight", "differences from short", "±", "point: no leave-one-out: a point estimate"):
            assert text in done.out
        assert "…" not in done.out
        assert max(len(line.rstrip()) for line in done.out.splitlines()) <= 110


def test_runs_of_other_rows_say_so() -> None:
    """By leave-one-out alone where held-out likelihoods cannot be compared, too."""
    assert call(*support.naive_fit(Path("seed"), "--seed", "1")).code == 0
    support.unlabelled(250).to_parquet("other.parquet")
    assert call(*support.naive_fit(Path("other"), data="other.parquet")).code == 0
    refused(call("compare", support.short_run_path(), "seed"), "other held-out rows")
    done = call("compare", support.short_run_path(), "seed", plain_run(), "other", "--json")
    assert done.code == 0, done.err
    models = json.loads(done.out)["loo"]["models"]
    assert "fitted to other rows" in models["seed"]["reason"]
    assert "fitted to another file" in models["other"]["reason"]
    assert models["seed"]["elpd"] is None
    assert models[plain_run()]["difference"]["se"] > 0
    assert "held-out likelihoods say nothing of each other" in done.err
    assert "PSIS-LOO" in call("compare", support.short_run_path(), "seed", plain_run()).out


def test_where_the_fitted_file_is_gone_the_rest_is_shown() -> None:
    shutil.copy(support.log_path(), "log.parquet")
    for name, flags in (("a", ()), ("b", ("--reward-features", support.FEATURES))):
        assert call(*support.naive_fit(Path(name), *flags, data="log.parquet")).code == 0
    Path("log.parquet").unlink()
    done = call("compare", "a", "b", "--json")
    assert done.code == 0, done.err
    both = json.loads(done.out)
    assert both["models"]["b"]["difference"]["held_out_log_likelihood"]["value"]
    assert all("changed or moved" in one["reason"] for one in both["loo"]["models"].values())
    assert both["loo"]["reference"] is None
    shown = call("compare", "a", "b")
    assert "log-likelihood of" in shown.out
    assert "PSIS-LOO" not in shown.out
    assert "no leave-one-out" in shown.err


def test_a_large_file_is_sampled() -> None:
    """100 of the rows, the same for both, stand for all: within five standard errors of a difference of such a sample."""
    paths = (support.short_run_path(), plain_run())
    whole = found(*paths)["loo"]
    runs = {path: load(path) for path in paths}
    part = loo_comparison.compare_loo(runs, most=100)
    assert (part.rows, part.used) == (whole["rows"], 100)
    assert any("100 of" in note for note in part.notes)
    for path in paths:
        assert part.to_dict()["models"][path]["elpd"] == pytest.approx(whole["models"][path]["elpd"], abs=5 * whole["models"][path]["se"])
    change = part.runs[paths[1]].change
    assert change is not None
    assert change.se > whole["models"][paths[1]]["difference"]["se"]
    assert loo_comparison.compare_loo(runs, most=100).to_dict() == part.to_dict()


def test_runs_of_pairs() -> None:
    wide = Path(pair_support.run_path()).with_name("wide")
    assert call(*pair_support.quick_fit(wide, *pair_support.FEW, "--set", "model.priors.weights.scale=5.0")).code == 0
    loo = found(pair_support.run_path(), str(wide))["loo"]
    assert loo["rows"] > 200
    assert loo["models"][str(wide)]["difference"]["se"] > 0
    assert "PSIS-LOO" in call("compare", pair_support.run_path(), str(wide)).out
