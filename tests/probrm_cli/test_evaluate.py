from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests import support
from tests.support import Outcome, call, refused

METRICS = ("auroc", "nll", "brier", "ece", "pair_accuracy")
FAST = ("--bootstrap", "100")


def evaluate(*args: str) -> Outcome:
    """On short vectors from a store, so that no encoder is loaded."""
    return call("evaluate", support.short_run_path(), "--embeddings", support.store_path(), *args)


def test_json_of_the_contract() -> None:
    done = call("evaluate", support.run_path(), "--data", support.truth_path(), "--json", *FAST)
    assert done.code == 0, done.err
    assert done.out.count("\n") == 1
    found = json.loads(done.out)
    assert found["rows"] == 200
    for part in ("metrics", "baseline"):
        assert set(METRICS) <= found[part].keys()
        for name in METRICS:
            metric = found[part][name]
            assert metric["low"] <= metric["value"] <= metric["high"], (part, name, metric)
    assert found["metrics"]["auroc"]["value"] > 0.6  # the answers' wording gives it away
    assert all(line.startswith("note: ") for line in done.err.splitlines())


def test_coverage_where_the_file_has_true_probabilities(tmp_path: Path) -> None:
    """Held against intervals that ``score`` writes: what is covered is the very answer's probability."""
    found = json.loads(call("evaluate", support.run_path(), "--data", support.truth_path(), "--json", *FAST).out)
    done = call("score", support.run_path(), "--data", support.truth_path(), "--out", str(tmp_path / "s.parquet"))
    assert done.code == 0, done.err
    scored: Any = pd.read_parquet(tmp_path / "s.parquet")
    inside = scored["true_probability"].between(scored["probability_low"], scored["probability_high"])
    assert found["metrics"]["coverage"]["value"] == pytest.approx(inside.mean(), abs=1e-6)
    support.log_frame(60).drop(columns="true_probability").to_parquet("plain.parquet")
    plain = evaluate("--data", "plain.parquet", "--json", *FAST)
    assert "coverage" not in json.loads(plain.out)["metrics"]


def test_a_person_gets_model_and_naive_side_by_side() -> None:
    done = evaluate("--data", support.truth_path(), *FAST)
    assert done.code == 0
    for text in ("200 rows with a known truth; [central 90 % bootstrap intervals]", "implicit model", "naive model", "AUROC ↑", "coverage"):
        assert text in done.out


def benchmark_file() -> list[list[str]]:
    """Four prompts of RewardBench with two answers each, whose vectors the store has; returns the answers."""
    by_prompt = support.log_frame(200, seed=1).groupby("prompt")["response"].unique()
    answers = [[prompt, *responses[:2]] for prompt, responses in by_prompt.items() if len(responses) > 1][:4]
    subsets = ["alpacaeval-easy", "alpacaeval-easy", "mt-bench-med", "mt-bench-med"]
    rows = [dict(zip(["prompt", "chosen", "rejected"], one, strict=True)) | {"subset": s} for one, s in zip(answers, subsets, strict=True)]
    pd.DataFrame(rows).to_parquet("b.parquet")
    return answers


def test_a_benchmark() -> None:
    """Its scores are those of the rewards that ``score`` writes, from vectors of the run's own encoder."""
    answers = benchmark_file()
    done = evaluate("--data", "b.parquet", "--benchmark", "rewardbench", "--json", *FAST)
    assert done.code == 0, done.err
    found = json.loads(done.out)
    assert (found["benchmark"], found["items"]) == ("rewardbench", 4)
    assert done.err.splitlines() == [f"note: {note}" for note in found["notes"]]
    both = pd.DataFrame([{"prompt": one[0], "response": response} for one in answers for response in one[1:]])
    both.to_parquet("t.parquet")
    assert call("score", support.short_run_path(), "--embeddings", support.store_path(), "--data", "t.parquet", "--out", "s.csv").code == 0
    rewards = pd.read_csv("s.csv")["reward"].to_numpy().reshape(4, 2)
    right = (rewards[:, 0] > rewards[:, 1]).reshape(2, 2).mean(1)
    assert [found["scores"][f"Chat/{name}"]["value"] for name in ("alpacaeval-easy", "mt-bench-med")] == pytest.approx(list(right))
    assert evaluate("--data", "b.parquet", "--benchmark", "rewardbench", "--json", *FAST, "--seed", "1").out != done.out
    printed = evaluate("--data", "b.parquet", "--benchmark", "rewardbench", "--quiet", *FAST)
    assert "rewardbench, 4 items" in printed.out
    assert "  Chat/mt-bench-med" in printed.out
    assert printed.err == ""


def test_a_benchmark_that_there_is_not() -> None:
    benchmark_file()
    refused(evaluate("--data", "b.parquet", "--benchmark", "rewardbnch"), "'rewardbnch'", "rewardbench", "rm-bench")
    refused(evaluate("--data", support.truth_path(), "--benchmark", "rewardbench"), support.truth_path(), "'chosen'")


@pytest.mark.parametrize("flags", [("--columns", "label=good"), ("--preset", "trl")])
def test_a_benchmark_has_a_form_of_its_own(flags: tuple[str, str]) -> None:
    refused(evaluate("--data", "b.parquet", "--benchmark", "rmb", *flags), "--benchmark rmb", "--columns, --preset and --values")


def test_the_bootstrap_is_seeded() -> None:
    one, again, other = (evaluate("--data", support.truth_path(), "--json", *FAST, "--seed", seed).out for seed in "001")
    assert one == again != other


def test_labels_by_another_name_in_a_file_without_actions_and_covariates() -> None:
    """A reward needs texts; what the fit needed beside them may be missing."""
    support.log_frame(60)[["prompt", "response", "label"]].rename(columns={"label": "good"}).to_csv("labels.csv", index=False)
    done = evaluate("--data", "labels.csv", "--columns", "label=good", "--json", *FAST)
    assert done.code == 0, done.err
    assert json.loads(done.out)["rows"] == 60
    assert "--propensity-features" not in done.err


def test_rows_without_a_label_are_left_out() -> None:
    frame = support.log_frame(60)
    frame["label"] = [None if i % 3 else v for i, v in enumerate(frame["label"])]
    frame.to_parquet("some.parquet")
    assert json.loads(evaluate("--data", "some.parquet", "--json", *FAST).out)["rows"] == 20


def test_a_file_without_labels() -> None:
    outcome = call("evaluate", support.run_path(), "--data", support.log_path())
    refused(outcome, support.log_path(), "no column 'label'", "--columns label=")
    support.log_frame(60).assign(label=None).to_csv("none.csv")
    refused(call("evaluate", support.run_path(), "--data", "none.csv"), "none.csv", "no row has a label")


def test_no_intervals_and_less_than_none() -> None:
    found = json.loads(evaluate("--data", support.truth_path(), "--json", "--bootstrap", "0").out)
    assert found["metrics"]["auroc"]["low"] is None
    refused(evaluate("--data", support.truth_path(), "--bootstrap", "-1"), "bootstrap", "-1")


def test_no_run_there() -> None:
    refused(call("evaluate", "nowhere", "--data", support.truth_path()), "nowhere", "there is no such folder")
    Path("other").mkdir()
    refused(call("evaluate", "other", "--data", support.truth_path()), "other", "holds no run.json")
