"""A run against rows that came later: from the same users and prompts, from users who act otherwise, with other texts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from probrm.data import Conversation
from probrm.encoders import write_store
from tests import pair_support, support
from tests.support import call, refused


def store(*frames: Any, moved: Any = None) -> str:
    """Vectors of all answers, by whether they are right; those of ``moved`` are elsewhere."""
    frame = pd.concat(frames)
    texts = [Conversation(prompt, response) for prompt, response in zip(frame["prompt"], frame["response"], strict=True)]
    vectors = torch.randn(len(texts), 6, generator=torch.Generator().manual_seed(0))
    vectors[:, 0] = torch.tensor([1.0 if text.response.startswith("The") else -1.0 for text in texts])
    if moved is not None:
        vectors[-len(moved) :, 3] += 3
    write_store("store.safetensors", texts, vectors, "a test's own encoder")
    return "store.safetensors"


@pytest.fixture
def later() -> Any:
    """300 rows of the same process."""
    frame = support.unlabelled(300, seed=5).drop(columns="user_id")
    frame["prompt"] = [f"{prompt} ({i})" for i, prompt in enumerate(frame["prompt"])]
    return frame


def drifted(frame: Any, *, moved: bool = False) -> Any:
    fitted = support.unlabelled().drop(columns="user_id")
    fitted["prompt"] = [f"{prompt} [{i}]" for i, prompt in enumerate(fitted["prompt"])]
    fitted.to_parquet("fitted.parquet")
    frame.to_parquet("new.parquet")
    vectors = store(fitted, frame, moved=frame if moved else None)
    flags = ("--embeddings", vectors, *support.QUICK, "--propensity-features", support.FEATURES, "--out", "r", "-q", "--overwrite")
    done = call("fit", "implicit", "--data", "fitted.parquet", *flags)
    assert done.code == 0, done.err
    done = call("drift", "r", "--data", "new.parquet", "--embeddings", vectors, "--json")
    assert done.code == 0, done.err
    return json.loads(done.out)


def test_rows_of_the_same_process(later: Any) -> None:
    found = drifted(later)
    assert found["moved"] == []
    assert found["rows"] == found["fitted"] == 300
    assert 0.3 < found["texts"]["auroc"] < 0.7
    names = {check["name"] for check in found["observed"]}
    assert names == {"all rows", "length of the answer", "surface[web]", "hour", "predicted probability"}
    assert abs(found["log_likelihood"] - found["fitted_log_likelihood"]) < 0.2
    done = call("drift", "r", "--data", "new.parquet", "--embeddings", "store.safetensors")
    assert "nothing moves beyond chance in 300 new rows; compared: texts, what was observed" in done.out
    assert "predicted probability" in done.out
    both = pd.concat([pd.read_parquet("fitted.parquet").sample(frac=1, random_state=0), later])
    both.assign(id=range(len(both))).to_parquet("grown.parquet")
    grown = json.loads(call("drift", "r", "--data", "grown.parquet", "--embeddings", "store.safetensors", "--json").out)
    assert "300 of 600 rows are among those that the run was fitted to, and left out" in grown["notes"]
    assert {**grown, "notes": []} == {**found, "notes": []}
    both[:300].to_parquet("shuffled.parquet")
    refused(
        call("drift", "r", "--data", "shuffled.parquet", "--embeddings", "store.safetensors"),
        "300 of its 300 rows are among those that the run was fitted to",
    )


def test_users_who_act_otherwise(later: Any) -> None:
    """On the web three times as often as before."""
    more = np.random.default_rng(0).random(len(later)) < 0.5
    later.loc[(later["surface"] == "web") & more, "action"] = 1
    found = drifted(later)
    assert {check["name"] for check in found["observed"] if check["p"] < 0.01} >= {"all rows", "surface[web]"}
    assert found["log_likelihood"] < found["fitted_log_likelihood"]
    assert not any(line.startswith("the texts") for line in found["moved"])


def test_other_texts(later: Any) -> None:
    found = drifted(later, moved=True)
    assert found["texts"]["auroc"] > 0.9
    assert found["moved"][0].startswith("the texts: new answers are told from the fitted ones with AUROC")


def test_pairs() -> None:
    """Of the same process, and with the preferences of every other pair turned round."""
    with support.environment():
        run, vectors = pair_support.run_path(), pair_support.store_path()
        same = json.loads(call("drift", run, "--data", pair_support.other_path(), "--embeddings", vectors, "--json").out)
        assert same["moved"] == []
        assert {check["name"] for check in same["observed"]} == {"difference of lengths", "predicted probability"}
        frame = pd.read_parquet(pair_support.other_path())
        turned = frame.copy()
        turned.loc[::2, ["chosen", "rejected"]] = frame.loc[::2, ["rejected", "chosen"]].to_numpy()
        turned.to_parquet("turned.parquet")
        found = json.loads(call("drift", run, "--data", "turned.parquet", "--embeddings", vectors, "--json").out)
    assert any("predicted probability" in line for line in found["moved"])
    assert found["log_likelihood"] < same["log_likelihood"] - 0.3


def test_a_file_of_the_other_kind(later: Any) -> None:
    later.to_parquet("log.parquet")
    with support.environment():
        run = pair_support.run_path()
        refused(call("drift", run, "--data", "log.parquet", "--embeddings", pair_support.store_path()), "log.parquet", "nothing is rated")
    refused(call("drift", "nothing", "--data", "log.parquet"), "nothing")
    assert not Path("r").exists()


def test_users_are_in_one_half_and_their_answers_are_not_taken_for_independent(later: Any) -> None:
    """Each user has a place of their own in the vectors, and there are new users: no shift of the texts, though each can be recognised."""
    later["user_id"] = [f"new{i % 60}" for i in range(300)]
    fitted = support.unlabelled()
    fitted["user_id"] = [f"old{i % 60}" for i in range(300)]
    fitted["prompt"] = [f"{prompt} [{i}]" for i, prompt in enumerate(fitted["prompt"])]
    frames = pd.concat([fitted, later])
    place = np.random.default_rng(0).normal(size=(120, 6)).astype(np.float32)
    users = {user: place[i] for i, user in enumerate(dict.fromkeys(frames["user_id"]))}
    texts = [Conversation(prompt, response) for prompt, response in zip(frames["prompt"], frames["response"], strict=True)]
    write_store("store.safetensors", texts, torch.from_numpy(np.array([users[user] for user in frames["user_id"]])), "a test's own encoder")
    fitted.to_parquet("fitted.parquet")
    later.to_parquet("new.parquet")
    vectors = ("--embeddings", "store.safetensors")
    assert call("fit", "naive", "--data", "fitted.parquet", *vectors, "--set", "inference.draws=50", "--out", "r", "-q").code == 0
    found = json.loads(call("drift", "r", "--data", "new.parquet", *vectors, "--json").out)
    assert found["texts"]["old"] + found["texts"]["new"] == 60
    assert found["texts"]["p"] > 0.01
