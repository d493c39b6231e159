from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.support import call, refused


def rated_file(n: int = 150) -> str:
    draw = np.random.default_rng(1)
    frame = pd.DataFrame({"prompt": [f"q{i // 3}" for i in range(n)], "response": [f"a{i}" for i in range(n)]})
    frame.assign(rating=draw.integers(1, 6, n)).to_parquet("rated.parquet")
    return "rated.parquet"


def test_a_log_and_what_it_holds() -> None:
    done = call("simulate", "implicit", "--data", rated_file(), "--out", "log.parquet", "--mechanism", "user", "--anchors", "12")
    assert done.code == 0, done.err
    frame: Any = pd.read_parquet("log.parquet")
    said = f"150 rows, {frame['true_preference'].sum()} good, {frame['action'].sum()} with an action, 12 with a label: log.parquet\n"
    assert done.out == said
    assert "with a rating above 3" in done.err
    assert frame["label"].notna().sum() == 12
    assert frame["user_id"].nunique() == 7


def test_users_choose_and_a_part_is_shown_at_random() -> None:
    flags = ["--mechanism", "selected", "--randomised", "0.2", "--exposures", "8"]
    done = call("simulate", "implicit", "--data", rated_file(), "--out", "log.parquet", *flags)
    assert done.code == 0, done.err
    frame: Any = pd.read_parquet("log.parquet")
    assert f"{len(frame)} of 1200 offers are rows" in done.err
    assert f"{(frame['randomised'] == 1).sum()} with a label: log.parquet" in done.out
    assert frame["label"].notna().sum() == (frame["randomised"] == 1).sum()


def test_one_json_object_and_the_same_bytes_again() -> None:
    flags = ["simulate", "implicit", "--data", rated_file(), "--mechanism", "independent", "--seed", "4", "--rate", "0.3", "--json"]
    first, second = (call(*flags, "--out", name) for name in ("a.csv", "b.csv"))
    found = json.loads(first.out)
    assert (found["rows"], found["files"], found["settings"]["rate"]) == (150, ["a.csv", "a.csv.json"], 0.3)
    assert Path("a.csv").read_bytes() == Path("b.csv").read_bytes()
    assert Path("a.csv.json").read_bytes() == Path("b.csv.json").read_bytes()
    assert second.code == 0
    other = call(*flags[:-3], "--out", "c.csv", "--seed", "5", "-q")
    assert (other.code, other.out, other.err) == (0, "", "")
    assert Path("c.csv").read_bytes() != Path("a.csv").read_bytes()


@pytest.mark.parametrize(
    ("flags", "found"),
    [
        (["--mechanism", "labels"], ["--mechanism", "'labels'", "did you mean 'label'"]),
        (["--rating", "stars"], ["no column 'stars'", "rating"]),
        (["--rate", "1.2"], ["--rate", "1.2", "less than 1"]),
        (["--mechanism", "selected", "--randomised", "1"], ["--randomised", "0 to less than 1"]),
        (["--mechanism", "selected", "--alpha", "0.1"], ["a fit needs 50", "--exposures"]),
        (["--users", "50", "--mechanism", "user"], ["--users 50", "3.0 a user", "--exposures"]),
        (["--threshold", "7"], ["--threshold 7", "no rating is good"]),
        (["--columns", "response=text"], ["no column 'text'"]),
        (["--columns", "response"], ["no NAME=COLUMN"]),
        (["--out", "log.xls"], ["log.xls", "no form for this ending"]),
        (["--out", "missing/log.csv"], ["does not exist"]),
        (["--data", "nothing.parquet"], ["nothing.parquet", "no such file"]),
        (["--seed", "-1"], ["--seed"]),
        (["--exposures", "x"], ["--exposures"]),
    ],
)
def test_bad_input_is_one_message_and_leaves_nothing(flags: list[str], found: list[str]) -> None:
    before = {"rated.parquet"}
    outcome = call("simulate", "implicit", "--data", rated_file(), "--out", "log.parquet", *flags)
    refused(outcome, *found)
    assert {path.name for path in Path().iterdir()} == before


@pytest.mark.parametrize("taken", ["log.csv", "log.csv.json"])
def test_an_existing_file_is_kept_unless_it_may_be_replaced(taken: str) -> None:
    Path(taken).write_text("mine")
    flags = ["simulate", "implicit", "--data", rated_file(), "--out", "log.csv"]
    refused(call(*flags), "exists already", "--overwrite")
    assert Path(taken).read_text() == "mine"
    assert call(*flags, "--overwrite").code == 0
    assert Path(taken).read_text() != "mine"


def test_the_group_says_what_there_is() -> None:
    done = call("simulate", "implicit", "--help")
    assert done.code == 0
    assert "--mechanism" in done.out
