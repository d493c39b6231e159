"""The example logs: made again they are the committed ones, and what they say about themselves is true."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from examples.answers import USELESS
from examples.make_log import SCHEMA, example_tables, make_log, make_texts
from probrm.data.covariates.encoding import FeatureMap

Frames = dict[str, Any]  # of pandas' frames, whose stubs know no scalars
EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
BOUNDS = {"log": (3000, 400_000), "test_log": (1000, 200_000)}  # rows, bytes


@pytest.fixture(scope="module")
def committed() -> Frames:
    return {name: pq.read_table(EXAMPLES / f"{name}.parquet").to_pandas() for name in BOUNDS}


def test_the_script_makes_the_committed_files(tmp_path: Path) -> None:
    subprocess.run([sys.executable, str(EXAMPLES / "make_log.py"), "--out", str(tmp_path / "new")], check=True, capture_output=True)
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["log.parquet", "test_log.parquet"]
    for name, made in example_tables().items():
        on_disk = pq.read_table(EXAMPLES / f"{name}.parquet")
        assert on_disk.schema.equals(SCHEMA)
        assert on_disk.equals(made)
        assert on_disk.equals(pq.read_table(tmp_path / "new" / f"{name}.parquet"))


@pytest.mark.parametrize("name", BOUNDS)
def test_size_and_rates(name: str, committed: Frames) -> None:
    frame, (rows, size) = committed[name], BOUNDS[name]
    assert len(frame) == rows
    assert (EXAMPLES / f"{name}.parquet").stat().st_size < size
    assert 0.20 < frame["action"].mean() < 0.30
    assert 0.50 < frame["true_preference"].mean() < 0.56
    assert frame["id"].is_unique
    assert set(frame["surface"]) == {"web", "ide", "mobile"}
    assert frame["surface"].mode()[0] == "web"
    assert set(frame["position"]) == {1, 2, 3, 4, 5}
    assert frame["timestamp"].is_monotonic_increasing
    assert (frame["prompt"].str.strip().str.len() > 0).all()
    assert (frame["response"].str.strip().str.len() > 0).all()
    assert frame["response"].str.contains("```").mean() == pytest.approx(0.33, abs=0.05)


def test_actions_labels_and_shown(committed: Frames) -> None:
    log, test = committed["log"], committed["test_log"]
    for frame in (log, test):
        assert (frame["action"] <= frame["true_preference"] * frame["shown"]).all()
        labelled = frame["label"].notna()
        assert (frame.loc[labelled, "label"] == frame.loc[labelled, "true_preference"]).all()
    assert 5 <= (log["shown"] == 0).sum() <= 60
    assert 0.03 < log["label"].notna().mean() < 0.07
    assert log.loc[log["shown"] == 0, "label"].isna().all()
    assert (test["shown"] == 1).all()
    assert test["label"].notna().all()


def test_users_and_prompts(committed: Frames) -> None:
    log, test = committed["log"], committed["test_log"]
    assert not set(log["prompt"]) & set(test["prompt"])
    assert not set(log["user_id"]) & set(test["user_id"])
    assert 150 <= log["user_id"].nunique() <= 200
    sizes = log["user_id"].value_counts()
    assert sizes.max() > 5 * sizes.median()
    for frame in (log, test):
        assert not frame.duplicated(["user_id", "prompt"]).any()
        assert (frame.groupby("session_id")["user_id"].nunique() == 1).all()
        assert (frame.groupby("session_id")["surface"].nunique() == 1).all()
        assert not frame.duplicated(["session_id", "position"]).any()
        by_prompt = frame.groupby("prompt")
        assert (by_prompt["response"].nunique() > 1).mean() > 0.95
        assert (by_prompt["true_preference"].nunique() > 1).mean() > 0.6  # pairs of a liked and a disliked answer


def test_parts_share_no_prompt_whatever_the_seeds() -> None:
    prompts = {part: {task.prompt for seed in (3, 4) for task, _ in make_texts(1500, seed, part)} for part in ("log", "test")}
    assert not prompts["log"] & prompts["test"]


def test_a_new_seed_keeps_the_texts_and_changes_the_crowd() -> None:
    (one, truth_one), (two, truth_two), (again, _) = (
        make_log(5, rows=400, users=30),
        make_log(6, rows=400, users=30),
        make_log(5, rows=400, users=30),
    )
    pd.testing.assert_frame_equal(one, again)
    assert sorted(zip(one["prompt"], one["response"], strict=True)) == sorted(zip(two["prompt"], two["response"], strict=True))
    assert truth_one.user_effects != truth_two.user_effects
    other, _ = make_log(5, rows=400, users=30, text_seed=9)
    assert set(one["prompt"]) != set(other["prompt"])


def test_preference_follows_quality() -> None:
    manners: dict[str, list[float]] = {}
    for _, answer in make_texts(3000):
        manners.setdefault(answer.manner, []).append(answer.preference)
    assert min(manners.pop("tidy")) > 0.85
    assert all(max(manners.pop(manner)) < 0.1 for manner in USELESS)
    assert set(manners) == {"half", "rambling", "careless"}
    assert all(0.4 < p < 0.55 for probabilities in manners.values() for p in probabilities)


def test_truth_is_what_a_fit_of_the_activity_finds() -> None:
    """Among rows that the user liked the action is the activity: a logistic fit with the users' effects given must find the coefficients."""
    made, truth = make_log(11, rows=40_000, users=400)
    frame: Any = made[made["shown"] == 1]
    liked = frame["true_preference"].to_numpy() == 1
    assert abs(liked.mean() - frame["true_probability"].mean()) < 5 * np.sqrt(0.25 / len(frame))
    assert np.std(list(truth.user_effects.values())) == pytest.approx(truth.user_sd, abs=0.15)

    covariates = pd.DataFrame(
        {"code_block": frame["response"].str.contains("```").astype(bool), "surface": frame["surface"], "position": frame["position"]}
    )
    features = FeatureMap.fit(covariates)
    assert set(features.names) == set(truth.coefficients)
    x = np.column_stack([np.ones(len(frame)), features.transform(covariates)])
    effect = frame["user_id"].map(dict(truth.user_effects)).to_numpy(float)
    wanted = np.array([truth.intercept, *(truth.coefficients[name] for name in features.names)])
    np.testing.assert_allclose(1 / (1 + np.exp(-(x @ wanted + effect))), frame["true_propensity"], atol=1e-4)

    x, effect, action = x[liked], effect[liked], frame["action"].to_numpy()[liked]
    found, precision = np.zeros(len(wanted)), np.eye(len(wanted))
    for _ in range(20):  # Newton
        p = 1 / (1 + np.exp(-(x @ found + effect)))
        precision = (x * (p * (1 - p))[:, None]).T @ x
        found += np.linalg.solve(precision, x.T @ (action - p))
    assert (np.abs(found - wanted) < 4 * np.sqrt(np.diag(np.linalg.inv(precision)))).all()
