from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import probrm
from probrm.data import read_table
from tests import support
from tests.support import call, refused

COLUMNS = [
    *("reward", "reward_sd", "reward_low", "reward_high", "reward_own_low", "reward_own_high"),
    *("probability", "probability_low", "probability_high", "epistemic_sd", "aleatoric_sd"),
]


def test_columns_of_the_contract_behind_the_files_own() -> None:
    done = call("score", support.run_path(), "--data", support.truth_path(), "--out", "s.parquet")
    assert (done.code, done.out) == (0, "200 of 200 rows scored: s.parquet\n")
    scored: Any = pd.read_parquet("s.parquet")
    given = support.log_frame(200, seed=1)
    assert list(scored.columns) == [*given.columns, *COLUMNS]
    pd.testing.assert_frame_equal(scored[list(given.columns)], given)
    assert (scored["reward_low"] < scored["reward"]).all()
    assert (scored["reward"] < scored["reward_high"]).all()
    assert (scored["reward_own_high"] - scored["reward_own_low"] > scored["reward_high"] - scored["reward_low"]).all()
    assert (scored["reward_sd"] > 0).all()
    assert scored["probability"].between(0, 1).all()
    of_preference = scored["probability"] * (1 - scored["probability"])
    np.testing.assert_allclose(scored["epistemic_sd"] ** 2 + scored["aleatoric_sd"] ** 2, of_preference, atol=1e-5)
    assert (scored["epistemic_sd"] > 0).all()
    assert scored.loc[scored["label"] == 1, "reward"].mean() > scored.loc[scored["label"] == 0, "reward"].mean()


def test_the_same_numbers_as_in_code() -> None:
    assert call("score", support.run_path(), "--data", support.truth_path(), "--out", "s.parquet", "--quiet").code == 0
    scored: Any = pd.read_parquet("s.parquet")
    row = scored.iloc[0]
    found = probrm.load(support.run_path()).reward(row["prompt"], row["response"])
    assert found.reward[0] == pytest.approx(row["reward"], abs=1e-3)
    assert found.probability[0] == pytest.approx(row["probability"], abs=1e-3)
    assert found.reward_low[0] == pytest.approx(row["reward_low"], abs=1e-3)


def test_rows_without_usable_texts_stay_and_have_no_reward() -> None:
    frame = support.log_frame(40)
    frame.loc[3, "response"] = ""
    frame.loc[39, "prompt"] = None
    frame["shown"] = [0, *[1] * 39]
    frame.to_parquet("holes.parquet")
    done = call("score", support.run_path(), "--data", "holes.parquet", "--out", "s.parquet", "--json")
    found = json.loads(done.out)
    assert (found["out"], found["rows"], found["scored"]) == ("s.parquet", 40, 38)
    assert "2 of 40 rows have an empty or non-text prompt or response (the first is row 4)" in done.err
    scored: Any = pd.read_parquet("s.parquet")
    assert list(scored["id"]) == list(frame["id"])
    assert list(np.flatnonzero(scored["reward"].isna())) == [3, 39]
    assert scored[COLUMNS].isna().all(axis=1).sum() == 2
    assert scored.loc[0, "reward"] == scored.loc[0, "reward"]  # not shown, and scored all the same


@pytest.mark.parametrize("name", ["s.csv", "s.jsonl.gz"])
def test_texts_alone_are_enough_and_forms_are_by_ending(name: str) -> None:
    """The run was fitted with covariates and users; new answers have none."""
    support.log_frame(20)[["prompt", "response"]].to_csv("texts.csv", index=False)
    done = call("score", support.run_path(), "--data", "texts.csv", "--out", name, "--quiet")
    assert (done.code, done.out, done.err) == (0, "", "")
    table = read_table(name)
    assert table.num_rows == 20
    assert table.column_names == ["prompt", "response", *COLUMNS]


def test_a_file_that_calls_things_otherwise() -> None:
    support.log_frame(20).rename(columns={"prompt": "question"}).assign(action="yes").to_csv("other.csv", index=False)
    refused(call("score", support.run_path(), "--data", "other.csv", "--out", "s.csv"), "other.csv", "prompt=question")
    assert call("score", support.run_path(), "--data", "other.csv", "--out", "s.csv", "--columns", "prompt=question", "--quiet").code == 0


def test_scoring_again_replaces_the_columns() -> None:
    frame = support.log_frame(20).assign(reward=5.0)
    frame.to_parquet("t.parquet")
    done = call("score", support.run_path(), "--data", "t.parquet", "--out", "again.parquet")
    assert "note: columns replaced by this run's: reward" in done.err
    scored: Any = pd.read_parquet("again.parquet")
    assert list(scored.columns).count("reward") == 1
    assert (scored["reward"] != 5.0).all()


def test_an_existing_file_is_kept_unless_it_may_be_replaced() -> None:
    Path("s.csv").write_text("mine")
    refused(call("score", support.run_path(), "--data", support.truth_path(), "--out", "s.csv"), "--out s.csv", "--overwrite")
    assert Path("s.csv").read_text() == "mine"
    assert call("score", support.run_path(), "--data", support.truth_path(), "--out", "s.csv", "--overwrite").code == 0
    assert "reward_low" in Path("s.csv").read_text()


@pytest.mark.parametrize(("out", "named"), [("s.xlsx", "no form for this ending"), ("no/s.csv", "does not exist")])
def test_an_output_that_cannot_be_is_refused_before_any_work(out: str, named: str) -> None:
    refused(call("score", "nowhere", "--data", "nothing", "--out", out), out, named)


def test_most_texts_empty() -> None:
    support.log_frame(20).assign(response="").to_parquet("empty.parquet")
    refused(call("score", support.run_path(), "--data", "empty.parquet", "--out", "s.csv"), "empty.parquet", "20 of 20 rows")
    assert not Path("s.csv").exists()
