"""Every bad input that a user can give: one message naming the place and the way to mend it, exit code 2, nothing written."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import probrm
from tests import support
from tests.support import QUICK, Outcome, call, refused

Save = Callable[..., str]
FRAME = support.unlabelled()


def fit(path: str, *flags: str) -> Outcome:
    """On the tests' store, so that a fit that should have been refused would go through."""
    return call("fit", "implicit", "--data", path, "--embeddings", support.store_path(), "--out", "r", *QUICK, *flags)


def fit_naive(path: str, *flags: str) -> Outcome:
    """Where any model will do."""
    return call(*support.naive_fit(Path("r"), *flags, data=path))


def nothing_written() -> None:
    assert not [path for path in Path().iterdir() if path.name.startswith(("r", ".r"))]


def test_a_missing_file() -> None:
    refused(fit("log.parqet"), "log.parqet", "there is no such file")
    support.unlabelled(60).to_parquet("log.parquet")
    refused(fit("log.parqet"), "did you mean log.parquet?")
    refused(call("score", support.short_run_path(), "--data", "no.csv", "--out", "s.csv"), "no.csv", "no such file")
    refused(call("evaluate", support.short_run_path(), "--data", "no.csv"), "no.csv", "no such file")
    nothing_written()


@pytest.mark.parametrize("name", ["log.parquet", "log.csv", "log.jsonl", "log.csv.gz"])
def test_an_empty_file(name: str) -> None:
    Path(name).touch()
    refused(fit(name), name, "empty (0 bytes)")
    nothing_written()


def test_a_table_without_rows(save: Save) -> None:
    Path("h.csv").write_text("prompt,response,action\n")
    refused(fit("h.csv"), "h.csv", "no rows")


def test_a_truncated_parquet() -> None:
    whole = Path(support.log_path()).read_bytes()
    Path("cut.parquet").write_bytes(whole[: len(whole) // 2])
    refused(fit("cut.parquet"), "cut.parquet", "cannot be read as parquet", "cut short")
    nothing_written()


def test_a_file_of_another_kind() -> None:
    Path("log.xlsx").write_text("x")
    refused(fit("log.xlsx"), "log.xlsx", ".parquet, .csv")


def test_a_missing_column(save: Save) -> None:
    refused(fit(save(action=None, copied=FRAME["action"])), "bad.parquet", "no column 'action'", "--columns action=copied")
    refused(fit(support.log_path(), "--columns", "action=clicks"), "no column 'clicks' (named for 'action')")


@pytest.mark.parametrize(("value", "found"), [(2, "found 2"), ("yes", "found 'yes'"), (None, "it is missing"), (0.5, "found 0.5")])
def test_an_action_that_is_neither_0_nor_1(save: Save, value: Any, found: str) -> None:
    actions: list[Any] = [*FRAME["action"]]
    actions[16] = value
    refused(
        fit(save("bad.csv", action=actions)), "bad.csv, row 17, column 'action'", found, "allowed: 0, 1, true, false", "--columns action="
    )
    nothing_written()


@pytest.mark.parametrize("value", [0, 1])
def test_all_actions_equal(save: Save, value: int) -> None:
    refused(fit(save(action=[value] * 300)), "bad.parquet", f"the action is {value} in all 300 rows")


@pytest.mark.parametrize(("value", "found"), [(np.nan, "missing"), (np.inf, "found inf")])
@pytest.mark.parametrize("flag", ["--propensity-features", "--reward-features"])
def test_covariates_that_are_not_finite(save: Save, value: float, found: str, flag: str) -> None:
    hours = [*FRAME["hour"]]
    hours[4] = value
    refused(fit(save(hour=hours), flag, "hour"), "bad.parquet, row 5, column 'hour'", found, flag)


def test_duplicate_ids(save: Save) -> None:
    ids = [*FRAME["id"]]
    ids[30] = ids[7]
    refused(fit(save(id=ids)), "bad.parquet, rows 8 and 31, column 'id'", "'r7'")


def test_a_few_empty_texts_are_dropped_and_counted(save: Save) -> None:
    texts = ["", None, *FRAME["response"][2:]]
    done = fit_naive(save(response=texts), "--json")
    assert done.code == 0, done.err
    assert "2 of 300 rows have an empty or non-text prompt or response (the first is row 1)" in json.loads(done.out)["notes"][0]
    assert probrm.load("r").record["data"]["rows"] == 298


def test_mostly_empty_texts(save: Save) -> None:
    refused(fit(save(response=[" "] * 200 + [*FRAME["response"][200:]])), "bad.parquet", "200 of 300 rows", "at most 20 %")
    nothing_written()


def test_texts_that_are_numbers(save: Save) -> None:
    refused(fit(save(response=list(range(300)))), "bad.parquet, column 'response'", "int64", "allowed: text")


def test_ten_rows(save: Save) -> None:
    refused(fit(save(rows=10)), "bad.parquet", "10 usable rows", "at least 50")


def test_one_user_works_and_is_told(save: Save) -> None:
    """Weights work too, where strata are summed out."""
    done = fit(save(user_id=["ann"] * 300, weight=[1.0] * 299 + [2.0]))
    assert done.code == 0, done.err
    assert "note: column 'user_id' names a single user, 'ann'" in done.err
    assert "user_activity" not in probrm.load("r").draws


def test_one_prompt_cannot_be_split(save: Save) -> None:
    refused(fit(save(prompt=["What is 1 + 1?"] * 300)), "prompt")
    nothing_written()


def test_an_action_on_an_answer_that_was_judged_bad(save: Save) -> None:
    labels = [None if action == 0 else 0 for action in FRAME["action"]]
    first = int(np.flatnonzero(FRAME["action"])[0]) + 1
    path = save(label=labels)
    refused(fit(path), f"bad.parquet, row {first}", "action 1 on an answer with label 0", "--set action.false_rate=0.02")
    assert fit(path, "--set", "action.false_rate=0.02").code == 0


def test_weights_where_strata_are_enumerated(save: Save) -> None:
    path = save(weight=[1.0] * 299 + [2.0])
    for flags in (["--set", "model.form=enumerated"], ["--guide", "amortised"]):
        refused(fit(path, *flags), "bad.parquet", "weight", "model.form=marginal")


def test_an_encoder_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = ["fit", "implicit", "--data", support.log_path(), "--out", "r", *QUICK]
    refused(call(*arguments, "--encoder", "./nowhere"), "./nowhere", "no such folder")
    refused(call(*arguments, "--encoder", "no good name"), "no good name", "owner/name")
    Path("empty").mkdir()
    refused(call(*arguments, "--encoder", "empty"), "'empty'", "no config.json")
    nothing_written()


def test_an_encoder_folder_without_weights() -> None:
    Path("model").mkdir()
    Path("model/config.json").write_text('{"model_type": "bert"}')
    refused(
        call("fit", "implicit", "--data", support.log_path(), "--encoder", "model", "--out", "r"), "'model'", "no weights", "safetensors"
    )
    nothing_written()


def test_a_place_that_is_taken() -> None:
    Path("folder").mkdir()
    Path("folder/thesis.txt").write_text("mine")
    Path("file").write_text("mine")
    arguments = ["fit", "implicit", "--data", "never-read.parquet"]
    for flags in ([], ["--overwrite"], ["--resume"]):
        refused(call(*arguments, "--out", "folder", *flags), "--out folder", "no run of probrm", "never overwritten")
        refused(call(*arguments, "--out", "file", *flags), "--out file", "it is a file")
    refused(call(*arguments, "--out", "file/r"), "--out file/r", "cannot be written")
    assert Path("folder/thesis.txt").read_text() == Path("file").read_text() == "mine"


def test_a_run_that_is_there() -> None:
    assert fit_naive(support.log_path(), "--seed", "1").code == 0
    before = {path: path.read_bytes() for path in Path("r").iterdir()}
    refused(fit_naive(support.log_path(), "--seed", "2"), "--out r", "already holds a run", "--overwrite")
    assert {path: path.read_bytes() for path in Path("r").iterdir()} == before
    assert fit_naive(support.log_path(), "--seed", "2", "--overwrite").code == 0
    assert probrm.load("r").config["seed"] == 2
    assert [path.name for path in Path().iterdir()] == ["r"]


def test_a_failing_fit_keeps_the_run_that_it_would_have_replaced() -> None:
    shutil.copytree(support.short_run_path(), "r")
    before = {path: path.read_bytes() for path in Path("r").iterdir()}
    refused(fit("never.parquet", "--overwrite"), "never.parquet")
    assert {path: path.read_bytes() for path in Path("r").iterdir()} == before


def test_training_that_diverges_has_its_own_code() -> None:
    """Exit code 4: the input is right, the training failed."""
    sets = ["inference.learning_rate=1e30", "inference.max_steps=200"]
    flags = [flag for text in sets for flag in ("--set", text)]
    outcome = call(
        "fit", "implicit", "--data", support.log_path(), "--embeddings", support.store_path(), "--out", "r", "--starts", "1", *flags
    )
    refused(outcome, "loss", "learning_rate", code=4)
    nothing_written()
