from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from probrm.data import Log, LogSpec, read_log
from probrm.errors import DataError
from probrm.recipes.logs.inputs import LogInputs
from probrm.recipes.logs.shape import LogShape
from tests import support

SPEC = LogSpec(propensity_features=("surface", "hour"), reward_features=("hour",))


def read(path: Path, frame: pd.DataFrame, **options: Any) -> Log:
    frame.to_parquet(path)
    return read_log(str(path), SPEC, **options)


@pytest.fixture
def log(tmp_path: Path) -> Log:
    return read(tmp_path / "log.parquet", support.unlabelled())


@pytest.fixture
def vectors() -> torch.Tensor:
    return 5 + 3 * torch.randn(300, 4, generator=torch.Generator().manual_seed(0))


def test_shape_and_batch(vectors: torch.Tensor, tmp_path: Path) -> None:
    frame = support.log_frame(repeated=True).drop(columns=["label", "true_probability"])
    log = read(tmp_path / "log.parquet", frame)
    inputs = LogInputs.fit(log, vectors)
    repeated = frame.groupby(["prompt", "response"]).size()
    users = tuple(sorted({f"u{i}" for i in range(12)}))
    assert inputs.shape == LogShape(4, ("hour",), ("surface[web]", "hour"), users, repeated=int((repeated > 1).sum()))
    batch = inputs.batch(log, vectors)
    assert int((batch["answer"] >= 0).sum()) == int(repeated[repeated > 1].sum())
    assert len(batch) == batch.total == 300
    np.testing.assert_array_equal(batch["action"].numpy(), frame["action"])
    np.testing.assert_array_equal(batch["propensity_covariates"][:, 0].numpy(), frame["surface"] == "web")
    np.testing.assert_allclose(
        batch["reward_covariates"][:, 0].numpy(), (frame["hour"] - frame["hour"].mean()) / frame["hour"].std(ddof=0), rtol=1e-5
    )
    assert [inputs.users[i] for i in batch["user"]] == list(frame["user_id"])
    assert bool(batch["label"].isnan().all())
    assert bool((batch["weight"] == 1).all())


def test_embedding_columns_are_standardised_and_constant_ones_are_zero(log: Log, vectors: torch.Tensor) -> None:
    vectors[:, 2] = 0.7
    inputs = LogInputs.fit(log, vectors)
    scaled = inputs.scaled(vectors)
    torch.testing.assert_close(scaled.mean(0), torch.zeros(4), atol=1e-5, rtol=0)
    torch.testing.assert_close(scaled[:, [0, 1, 3]].std(0, correction=0), torch.ones(3))
    torch.testing.assert_close(scaled[:, 2], torch.zeros(300), atol=1e-6, rtol=0)
    assert float(inputs.scaled(vectors + 1)[0, 2]) == pytest.approx(1, abs=1e-5)  # another value of it, seen later, is not blown up


def test_neither_actions_nor_labels_are_looked_at(log: Log, vectors: torch.Tensor, tmp_path: Path) -> None:
    frame = support.log_frame()
    frame["action"] = 1 - frame["action"]
    other = read(tmp_path / "other.parquet", frame.drop(columns=["true_probability"]))
    first, second = LogInputs.fit(log, vectors), LogInputs.fit(other, vectors)
    assert first.to_dict() == second.to_dict()
    assert torch.equal(first.centre, second.centre)


def test_labels_and_weights(tmp_path: Path, vectors: torch.Tensor) -> None:
    frame = support.unlabelled().assign(label=[1.0, None, 0.0] * 100, weight=[2.0, 1.0, 0.5] * 100)
    log = read(tmp_path / "log.parquet", frame)
    batch = LogInputs.fit(log, vectors).batch(log, vectors)
    np.testing.assert_array_equal(batch["label"][:3].numpy(), [1, np.nan, 0])
    np.testing.assert_array_equal(batch["weight"][:3].numpy(), [2, 1, 0.5])


def test_users_that_the_fit_has_not_seen(log: Log, vectors: torch.Tensor, tmp_path: Path) -> None:
    """Each gets an index of its own behind the known ones, in the order in which they come."""
    inputs = LogInputs.fit(log, vectors)
    frame = support.unlabelled(60)
    frame["user_id"] = ["zoe", "u1", "adam", "zoe", *["u2"] * 56]
    batch = inputs.batch(read(tmp_path / "o.parquet", frame), vectors[:60])
    known = {user: i for i, user in enumerate(inputs.users)}
    assert batch["user"][:5].tolist() == [12, known["u1"], 13, 12, known["u2"]]
    stranger = read(tmp_path / "n.parquet", frame.drop(columns="user_id"))
    assert inputs.batch(stranger, vectors[:60])["user"].tolist() == list(range(12, 72))  # nobody is known: all differ


def test_a_log_without_users(tmp_path: Path, vectors: torch.Tensor) -> None:
    log = read(tmp_path / "log.parquet", support.unlabelled().drop(columns="user_id"))
    inputs = LogInputs.fit(log, vectors)
    assert inputs.users == ()
    assert bool((inputs.batch(log, vectors)["user"] == 0).all())


def test_for_scoring_the_propensity_is_left_out(log: Log, vectors: torch.Tensor, tmp_path: Path) -> None:
    inputs = LogInputs.fit(log, vectors)
    support.unlabelled(60)[["prompt", "response", "hour"]].to_parquet(tmp_path / "texts.parquet")
    texts = read_log(str(tmp_path / "texts.parquet"), LogSpec(reward_features=("hour",)), require=())
    batch = inputs.batch(texts, vectors[:60], covariates=False)
    assert "user" not in batch
    assert "propensity_covariates" not in batch
    assert batch["reward_covariates"].shape == (60, 1)


def test_vectors_of_another_length(log: Log, vectors: torch.Tensor) -> None:
    inputs = LogInputs.fit(log, vectors)
    with pytest.raises(DataError, match=r"its embeddings have 3 columns, the run was fitted on 4\n  fix: "):
        inputs.batch(log, vectors[:, :3])


def test_levels_that_the_fit_has_not_seen_are_told(tmp_path: Path) -> None:
    spec = LogSpec(reward_features=("surface",))
    support.unlabelled().to_parquet(tmp_path / "log.parquet")
    log = read_log(str(tmp_path / "log.parquet"), spec)
    inputs = LogInputs.fit(log, torch.zeros(300, 2))
    support.unlabelled(60).assign(surface=["tv"] * 2 + ["ide"] * 58).to_parquet(tmp_path / "o.parquet")
    other = read_log(str(tmp_path / "o.parquet"), spec, require=())
    assert inputs.unknown_levels(log) == []
    assert inputs.unknown_levels(other) == ["surface: 2 rows have a level that the fit has not seen; they count as its most frequent level"]


def test_restored_through_json(log: Log, vectors: torch.Tensor) -> None:
    inputs = LogInputs.fit(log, vectors)
    again = LogInputs.restore(json.loads(json.dumps(inputs.to_dict())), inputs.tensors())
    ours, theirs = inputs.batch(log, vectors), again.batch(log, vectors)
    assert again.shape == inputs.shape
    assert all(torch.equal(ours[name].nan_to_num(9), theirs[name].nan_to_num(9)) for name in ours.columns)
