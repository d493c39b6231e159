from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests import pair_support, support
from tests.support import Outcome, call, refused

FEATURES = ("--propensity-features", support.FEATURES)
METRICS = {"auroc", "nll", "brier", "ece", "pair_accuracy"}


def compare(*args: str) -> Outcome:
    """On short vectors from a store, so that no encoder is loaded."""
    return call("compare", *args, "--embeddings", support.store_path())


def found(*args: str) -> dict[str, Any]:
    done = compare(*args, "--json")
    assert done.code == 0, done.err
    assert done.out.count("\n") == 1
    return json.loads(done.out)


@functools.cache
def ips_run() -> str:
    path = str(Path(support.short_run_path()).with_name("ips-run"))
    assert call("fit", "ips", "--data", support.log_path(), *FEATURES, "--embeddings", support.store_path(), "--out", path).code == 0
    return path


def test_json_of_the_contract() -> None:
    """A run and a model fitted for the occasion; values, intervals and differences are those of ``evaluate``."""
    args = ("--data", support.truth_path(), "--bootstrap", "50")
    both = found(ips_run(), "sar-em", "--log", support.log_path(), *FEATURES, *args)
    assert both["rows"] == 200
    assert list(both["models"]) == [ips_run(), "sar-em"]
    first, second = both["models"].values()
    assert first["difference"] == first["verdict"] == {}
    assert second["metrics"].keys() >= METRICS
    for name in METRICS:
        change = second["difference"][name]
        assert change["value"] == pytest.approx(second["metrics"][name]["value"] - first["metrics"][name]["value"], abs=1e-9)
        assert change["low"] <= change["high"]
        assert second["verdict"][name] in ("better", "worse", "unclear")
    alone = json.loads(call("evaluate", ips_run(), *args, "--embeddings", support.store_path(), "--json").out)
    assert first["metrics"] == alone["metrics"]


def test_the_first_one_is_what_the_others_are_held_against() -> None:
    args = ("--data", support.truth_path(), "--bootstrap", "50")
    ways = [found(*pair, *args)["models"] for pair in ((ips_run(), support.short_run_path()), (support.short_run_path(), ips_run()))]
    one, two = ways[0][support.short_run_path()]["difference"]["nll"], ways[1][ips_run()]["difference"]["nll"]
    assert (one["value"], one["low"], one["high"]) == pytest.approx((-two["value"], -two["high"], -two["low"]))


def test_a_person_gets_one_table() -> None:
    done = compare(
        ips_run(), "naive", "unbiased-bpr", "--log", support.log_path(), *FEATURES, "--data", support.truth_path(), "--bootstrap", "50"
    )
    assert done.code == 0, done.err
    for text in ("200 rows with a known truth", "differences from ips-run", "unbiased-bpr", "NLL ↓", "AUROC ↑", "coverage", "unclear"):
        assert text in done.out
    assert "…" not in done.out  # nothing is cut off
    assert max(len(line.rstrip()) for line in done.out.splitlines()) <= 110


def test_nothing_is_kept_unless_asked_for() -> None:
    args = ("naive", "ips", "--log", support.log_path(), "--data", support.truth_path(), "--bootstrap", "5")
    assert compare(*args).code == 0
    assert list(Path().iterdir()) == []
    assert compare(*args, "--out", "kept").code == 0
    assert sorted(path.name for path in Path("kept").iterdir()) == ["ips", "naive"]
    refused(compare(*args, "--out", "kept"), "--out kept", "already holds a run", "--overwrite")
    assert compare(*args, "--out", "kept", "--overwrite").code == 0
    again = found("kept/naive", "kept/ips", "--data", support.truth_path(), "--bootstrap", "5")["models"]
    fresh = found(*args)["models"]
    assert [one["metrics"] for one in again.values()] == [one["metrics"] for one in fresh.values()]


def test_without_truth_the_held_out_actions_are_compared() -> None:
    both = found(ips_run(), "rel-mf", "--log", support.log_path(), *FEATURES)
    first, second = (one["metrics"]["held_out_log_likelihood"]["value"] for one in both["models"].values())
    assert both["models"]["rel-mf"]["difference"]["held_out_log_likelihood"]["value"] == pytest.approx(second - first)
    printed = compare(ips_run(), support.short_run_path())
    assert printed.code == 0, printed.err
    assert "log-likelihood of" in printed.out
    refused(compare(ips_run(), "upu", "--log", support.log_path(), "--seed", "1"), "other data, or with other held-out rows", "--data FILE")
    support.unlabelled(200).to_parquet("other.parquet")
    refused(compare(ips_run(), "upu", "--log", "other.parquet"), "other data", "--data FILE")
    refused(compare("ips", "upu", "--log", support.log_path(), "--set", "held_out=0", "--set", "model.l2=[1.0]"), "no held-out rows")


def test_what_is_refused_before_anything_is_fitted() -> None:
    log = ("--log", support.log_path())
    refused(compare("ips", *log), "found 1 model", "two or more")
    refused(compare("ips", "ipz", *log), "ipz", "no folder and no model", "sar-em", "did you mean 'ips'?")
    refused(compare("ips", "ips", *log), "named twice")
    refused(compare("ips", "upu"), "ips", "--log LOG")
    Path("empty").mkdir()
    refused(compare("empty", "ips", *log), "empty", "a folder that holds no run")
    refused(compare("ips", "bradley-terry", *log), "a log of actions", "pairs")
    refused(compare(ips_run(), support.short_run_path(), *log), "--log", "nothing is fitted")
    refused(compare("ips", "upu", *log, "--derive", "lenght"), "ips: derive", "'lenght'")
    refused(compare("ips", "upu", *log, "--set", "model.flor=1"), "ips: model.flor")


def test_a_model_that_fails_is_named() -> None:
    frame = support.unlabelled(100)
    frame.assign(action=0).to_parquet("idle.parquet")
    refused(compare("ips", "upu", "--log", "idle.parquet"), "ips: ", "idle.parquet", "the action is 0 in all")
    refused(compare("ips", "upu", "--log", "nowhere.parquet"), "ips: ", "nowhere.parquet")
    refused(compare("ips", "upu", "--log", support.log_path(), "--data", support.log_path()), "no column 'label'")


def test_labels_of_the_fit_are_no_evidence() -> None:
    frame: Any = support.log_frame(200).drop(columns="true_probability")
    frame["label"] = [value if i < 40 else None for i, value in enumerate(frame["label"])]
    frame.to_parquet("some.parquet")
    done = compare("naive", "ips", "--log", "some.parquet", "--data", "some.parquet", "--bootstrap", "5", "--json")
    assert done.code == 0, done.err
    assert json.loads(done.out)["rows"] == 40
    assert "ips: these labels took part in the fit" in done.err


def test_labels_that_a_run_never_saw_are_not_taught_to_its_rivals() -> None:
    """One mapping for both files would: refused before anything is fitted; two mappings, and no labels, are fine."""
    frame = support.log_frame(200).rename(columns={"label": "good"})
    frame.to_parquet("named.parquet")
    args = (ips_run(), "naive", "--log", "named.parquet", "--data", "named.parquet", "--bootstrap", "5")
    refused(
        compare(*args, "--columns", "label=good"), "--columns label=good: naive would be fitted to the labels of named.parquet", "ips-run"
    )
    done = compare(*args, "--columns", "label=good", "--log-columns", "label=", "--json")
    assert done.code == 0, done.err
    assert json.loads(done.out)["rows"] == 200
    assert "explicit labels" not in done.err


def test_labels_that_only_some_models_saw_are_told_of() -> None:
    frame: Any = support.log_frame(200)
    frame.to_parquet("labelled.parquet")
    done = compare(ips_run(), "naive", "--log", "labelled.parquet", "--data", support.truth_path(), "--bootstrap", "5", "--json")
    assert done.code == 0, done.err
    assert "fitted with explicit labels: naive (200); without:" in done.err


def test_columns_by_other_names() -> None:
    frame = support.log_frame(60).rename(columns={"label": "good"})
    pd.DataFrame(frame).to_parquet("named.parquet")
    done = found(ips_run(), support.short_run_path(), "--data", "named.parquet", "--columns", "label=good", "--bootstrap", "5")
    assert done["rows"] == 60


def test_models_of_pairs() -> None:
    """Metrics of pairs; a model that is named is fitted to pairs."""
    sets = ("inference.name=svi", "inference.max_steps=60", "inference.eval_every=20", "inference.refit=false")
    log = ("--log", pair_support.pairs_path(), *(flag for text in sets for flag in ("--set", text)))
    args = ("--data", pair_support.other_path(), "--embeddings", pair_support.store_path(), "--bootstrap", "20")
    done = call("compare", pair_support.run_path(), "bradley-terry", *log, *args, "--out", "kept", "--json")
    assert done.code == 0, done.err
    both = json.loads(done.out)
    assert both["rows"] == 150
    for name in ("accuracy", "aurc", "accuracy:easy"):
        assert name in both["models"]["bradley-terry"]["metrics"]
    assert both["models"]["bradley-terry"]["verdict"]["accuracy"] in ("better", "worse", "unclear")
    printed = call("compare", pair_support.run_path(), "kept/bradley-terry", *args)
    assert "150 pairs with a known truth" in printed.out
    refused(compare(pair_support.run_path(), ips_run(), "--data", support.truth_path()), "pairs", "a log of actions")
