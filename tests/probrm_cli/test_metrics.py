"""``--metrics`` of evaluate and compare, and the note of ``score`` on answers that are far from those of the fit."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from probrm.data import Conversation
from probrm.encoders import write_store
from tests import pair_support, support
from tests.support import Outcome, call, refused

PAIRS = ("--data", pair_support.other_path(), "--embeddings", pair_support.store_path(), "--bootstrap", "20")
UNCERTAINTY = {"win_rate", "ece_20", "elce", "euce_joint", "confident_true", "confident_false_joint", "ranking_0.01", "ranking_1_joint"}


def evaluate(*args: str) -> Outcome:
    return call("evaluate", pair_support.run_path(), *PAIRS, *args)


@functools.cache
def linear_run() -> str:
    path = str(Path(pair_support.run_path()).with_name("linear-run"))
    done = call("fit", "bayesian-linear", "--data", pair_support.pairs_path(), "--embeddings", pair_support.store_path(), "--out", path)
    assert done.code == 0, done.err
    return path


def test_uncertainty_of_pairs() -> None:
    done = evaluate("--metrics", "uncertainty", "--json")
    assert done.code == 0, done.err
    found = json.loads(done.out)
    assert found["rows"] == 150
    assert found["metrics"].keys() >= UNCERTAINTY
    assert found["baseline"] == {}
    metrics = found["metrics"]
    assert all(metric["low"] <= metric["value"] <= metric["high"] for metric in metrics.values())
    scored = call("score", pair_support.run_path(), *PAIRS[:4], "--out", "s.parquet")
    assert scored.code == 0
    columns: Any = pd.read_parquet("s.parquet")
    assert metrics["confident_true_joint"]["value"] == pytest.approx((columns["p_chosen_low"] > 0.5).mean())
    assert metrics["confident_false_joint"]["value"] == pytest.approx((columns["p_chosen_high"] < 0.5).mean())
    for side in ("chosen", "rejected"):
        frame = pd.read_parquet(pair_support.other_path()).rename(columns={side: "response"})[["prompt", "response"]]
        frame.to_parquet("one.parquet")
        assert call("score", pair_support.run_path(), "--data", "one.parquet", *PAIRS[2:4], "--out", f"{side}.parquet").code == 0
    chosen, rejected = (pd.read_parquet(f"{side}.parquet") for side in ("chosen", "rejected"))
    apart = (chosen["reward_low"] > rejected["reward_high"]).mean()
    assert metrics["confident_true"]["value"] == pytest.approx(apart)


def test_a_person_gets_both_readings_below_each_other() -> None:
    done = evaluate("--metrics", "uncertainty")
    assert done.code == 0
    lines = [line.strip() for line in done.out.splitlines()]
    at = next(i for i, line in enumerate(lines) if line.startswith("confident and right ↑"))
    assert lines[at + 1].startswith("from joint draws")
    for text in ("win rate ↑", "ECE, 20 equal bins ↓", "lower bounds (ELCE) ↓", "ranking, β = 0.01 ↑"):
        assert text in done.out


def test_uncertainty_of_a_labelled_log() -> None:
    flags = (
        "--data",
        support.truth_path(),
        "--embeddings",
        support.store_path(),
        "--bootstrap",
        "20",
        "--json",
        "--metrics",
        "uncertainty",
    )
    found = json.loads(call("evaluate", support.short_run_path(), *flags).out)
    assert found["metrics"].keys() == found["baseline"].keys() >= UNCERTAINTY  # the naive model has a posterior
    both = call("compare", support.short_run_path(), "naive", *flags, "--log", support.log_path(), "--set", "inference.name=laplace")
    assert both.code == 0, both.err
    assert json.loads(both.out)["models"][support.short_run_path()]["metrics"] == found["metrics"]


def test_the_bayesian_linear_head_stands_beside_ours() -> None:
    done = call("compare", pair_support.run_path(), linear_run(), *PAIRS, "--metrics", "uncertainty")
    assert done.code == 0, done.err
    for text in ("sure, right ↑", "joint, wrong ↓", "linear-run", "its Gaussian is no posterior of its likelihood"):
        assert text in done.out
    fitted = call("compare", pair_support.run_path(), "bayesian-linear", "--log", pair_support.pairs_path(), *PAIRS, "--json")
    assert fitted.code == 0, fitted.err
    found = json.loads(fitted.out)["models"]["bayesian-linear"]
    assert found["metrics"].keys() >= {"accuracy", "nll", "ece"}


def test_length() -> None:
    done = evaluate("--metrics", "length", "--json")
    assert done.code == 0, done.err
    found = json.loads(done.out)
    names = {"length_correlation", "length_slope", "truth_length_correlation", "length_slope_given_truth", "truth_slope_given_reward"}
    assert found["metrics"].keys() == found["baseline"].keys() == names
    assert found["rows"] == 150
    assert "the run was fitted to pairs, which have no covariates" in done.err
    log = ("--data", support.truth_path(), "--embeddings", support.store_path(), "--bootstrap", "20")
    done = call("evaluate", support.short_run_path(), *log, "--metrics", "length")
    assert "length is no covariate of the run" in done.err
    assert "length: rank correlation" in done.out
    unlabelled: Any = pd.read_parquet(support.truth_path()).drop(columns="label")
    unlabelled.to_parquet("u.parquet")
    done = call("evaluate", support.short_run_path(), "--data", "u.parquet", *log[2:], "--metrics", "length", "--json")
    assert json.loads(done.out)["metrics"].keys() == {"length_correlation", "length_slope"}


def test_length_after_a_length_covariate(tmp_path: Path) -> None:
    out = tmp_path / "r"
    flags = ("--propensity-features", support.FEATURES, "--derive", "length")
    assert call(*support.quick_fit(out, *flags)).code == 0
    log = ("--data", support.truth_path(), "--embeddings", support.store_path(), "--bootstrap", "20")
    done = call("evaluate", str(out), *log, "--metrics", "length")
    assert "length is a covariate of the propensity: this is the reward after it" in done.err


def test_what_there_is_not() -> None:
    refused(
        evaluate("--metrics", "uncertanty"), "--metrics: there is no 'uncertanty'; allowed: standard, uncertainty, length", "did you mean"
    )
    refused(evaluate("--metrics", "length", "--benchmark", "rewardbench"), "a benchmark has scores of its own")
    refused(
        call("compare", pair_support.run_path(), linear_run(), "--metrics", "uncertainty"),
        "there are no rows to take them of",
        "--data FILE",
    )
    point = ("--guide", "delta", "--inference", "svi", "--set", "inference.max_steps=20", "--set", "held_out=0")
    data = ("--data", pair_support.pairs_path(), "--embeddings", pair_support.store_path())
    assert call("fit", "bradley-terry", *data, *point, "--out", "point").code == 0
    refused(call("evaluate", "point", *PAIRS, "--metrics", "uncertainty"), "one point of weights, which has no intervals to be judged")
    refused(call("compare", linear_run(), "point", *PAIRS, "--metrics", "uncertainty"), "point: run of model 'bradley-terry'")


def far_file(share: float, *, n: int = 40) -> None:
    """Answers of which a share lies ten deviations away, and a store of their vectors."""
    texts = [Conversation(f"Far {i}?", f"answer {i}") for i in range(n)]
    vectors = np.random.default_rng(0).normal(size=(n, 6)).astype(np.float32)
    vectors[: round(share * n)] += 10
    write_store("far.safetensors", texts, vectors, "a test's own encoder")
    pd.DataFrame({"prompt": [t.prompt for t in texts], "response": [t.response for t in texts]}).to_parquet("far.parquet")


@pytest.mark.parametrize(("share", "noted"), [(0.0, False), (0.05, False), (0.3, True)])
def test_score_says_where_many_answers_are_far_from_those_of_the_fit(share: float, noted: bool) -> None:
    far_file(share)
    done = call(
        "score", pair_support.run_path(), "--data", "far.parquet", "--embeddings", "far.safetensors", "--out", "s.parquet", "--json"
    )
    assert done.code == 0, done.err
    told = [note for note in json.loads(done.out)["notes"] if "farther from the answers of the fit than 99% of those are" in note]
    assert bool(told) == noted
    if noted:
        assert told[0].startswith("13 of 40 rows are farther")  # 12, and one by chance
        assert "probrm drift" in told[0]
        assert "probrm acquire" in told[0]
