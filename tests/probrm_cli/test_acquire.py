"""``probrm acquire``, and its tasks read back by ``fit --labels``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import probrm
from tests import support
from tests.support import call, quick_fit, refused


def acquired(*flags: str, data: str | None = None) -> dict[str, Any]:
    store = ("--embeddings", support.store_path())
    done = call("acquire", support.short_run_path(), "--data", data or support.log_path(), *store, "--json", *flags)
    assert done.code == 0, done.err
    return json.loads(done.out)


def test_the_rows(tmp_path: Path) -> None:
    out = tmp_path / "a.parquet"
    found = acquired("--budget", "12", "--out", str(out))
    table: Any = pd.read_parquet(out)
    assert found["answers"] == len(table) == 12
    assert table["order"].tolist() == list(range(1, 13))
    assert found["information"] == pytest.approx(table["gain"].sum())
    assert (np.diff(table["gain"]) <= 1e-9).all()
    assert table["information"].between(0, np.log(2)).all()
    log = support.unlabelled().set_index("id")
    assert (log.loc[table["id"], "response"].to_numpy() == table["response"].to_numpy()).all()
    refused(call("acquire", support.short_run_path(), "--data", support.log_path(), "--out", str(out)), str(out), "--overwrite")


def test_answers_that_have_a_label_are_left_out(tmp_path: Path) -> None:
    frame = support.log_frame()
    frame.loc[50:, "label"] = None
    frame.to_parquet(tmp_path / "some.parquet")
    found = acquired("--budget", "300", data=str(tmp_path / "some.parquet"))
    assert len(found["answers"]) == 250
    assert {row["id"] for row in found["answers"]} == {f"r{i}" for i in range(50, 300)}
    assert "50 answers have a label already" in " ".join(found["notes"])
    support.log_frame().to_parquet(tmp_path / "all.parquet")
    done = call("acquire", support.short_run_path(), "--data", str(tmp_path / "all.parquet"), "--embeddings", support.store_path())
    refused(done, "none of its 300 answers is without a label")


@pytest.mark.parametrize("tool", ["argilla", "label-studio"])
def test_tasks_come_back_as_labels(tool: str, tmp_path: Path) -> None:
    """Asked, answered by two people and a cancelled one, and fitted again."""
    tasks = tmp_path / "tasks.json"
    acquired("--budget", "20", "--to", tool, "--out", str(tasks))
    rows = json.loads(tasks.read_text())
    truth = support.log_frame().set_index("id")["label"]
    for row in rows:
        name = row["id"] if tool == "argilla" else row["data"]["id"]
        value = "yes" if truth[name] else "no"
        if tool == "argilla":
            assert row["suggestions"]["good"]["value"] in ("yes", "no")
            assert 0.5 <= row["suggestions"]["good"]["score"] <= 1
            row["responses"] = {"good": [{"value": value, "user_id": user, "status": "submitted"} for user in ("ann", "bob")]}
        else:
            assert row["predictions"][0]["result"][0]["value"]["choices"][0] in ("yes", "no")
            result = [{"from_name": "good", "to_name": "response", "type": "choices", "value": {"choices": [value]}}]
            other = [{**result[0], "value": {"choices": ["no" if value == "yes" else "yes"]}}]
            row["annotations"] = [
                {"id": 1, "completed_by": 1, "was_cancelled": False, "result": result},
                {"id": 2, "completed_by": 2, "was_cancelled": True, "result": other},
            ]
    labels = tmp_path / "labels.json"
    labels.write_text(json.dumps(rows))
    done = call(*quick_fit(tmp_path / "run", "--propensity-features", support.FEATURES, "--labels", str(labels)))
    assert done.code == 0, done.err
    assert "labels: 20 of 20 labelled answers" in done.err
    again = json.loads(
        call(
            "acquire",
            str(tmp_path / "run"),
            "--data",
            support.log_path(),
            "--embeddings",
            support.store_path(),
            "--budget",
            "300",
            "--json",
        ).out
    )
    answered = {row["id"] if tool == "argilla" else row["data"]["id"] for row in rows}
    assert {row["id"] for row in again["answers"]} == {f"r{i}" for i in range(300)} - answered
    run = probrm.load(tmp_path / "run")
    assert run.metrics["identifiability"]["labels"] == 20
    assert run.summary()["base_rate"].sd < probrm.load(support.short_run_path()).summary()["base_rate"].sd


def test_two_modes_are_told_apart_by_what_they_disagree_on(tmp_path: Path) -> None:
    """With the other mode given, the first label is asked where the two say the opposite, not where each is unsure."""
    run = probrm.load(support.short_run_path())
    other = probrm.load(support.short_run_path())
    other.draws["reward_weights"] = -other.draws["reward_weights"]
    other.save(tmp_path / "other")
    found = acquired("--budget", "1", "--also", str(tmp_path / "other"))["answers"][0]
    alone = acquired("--budget", "1")["answers"][0]
    assert found["information"] > alone["information"]
    from probrm.encoders import read_store
    from probrm.runs import find_recipe

    recipe = find_recipe(run.kind)
    log, batch, _ = recipe.answers(
        run, support.log_path(), recipe.read_spec(run.config["data"]), embeddings=read_store(support.store_path())
    )
    one, two = (each.model.reward(each.draws, batch).sigmoid().mean(0) for each in (run, other))
    apart = (one - two).abs()
    at = log.table.column("id").to_pylist().index(found["id"])
    assert float(apart[at]) > float(apart.quantile(0.9))


def test_what_is_refused(tmp_path: Path) -> None:
    run, store = support.short_run_path(), ("--embeddings", support.store_path())
    log = support.log_path()
    refused(call("acquire", run, "--data", log, "--to", "excel"), "--to excel", "argilla, label-studio")
    refused(call("acquire", run, "--data", log, "--to", "argilla"), "--out", "tasks are one JSON file")
    refused(call("acquire", run, "--data", log, "--budget", "0"), "--budget", "0")
    pairs = str(Path(__file__).parents[1] / "saved_runs" / "bradley-terry")
    refused(call("acquire", pairs, "--data", log, *store), "bradley-terry", "a label of one answer teaches it nothing")
    done = call(*quick_fit(tmp_path / "run", "--labels", str(tmp_path / "nowhere.json")))
    refused(done, "nowhere.json")
