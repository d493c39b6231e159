"""From a log's several actions and comparisons to the columns of a batch, and back through a saved run's inputs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from probrm.actions import Click
from probrm.data import Log, LogSpec, read_log
from probrm.data.logs.actions import ActionSpec
from probrm.errors import DataError
from probrm.recipes.logs.action_inputs import check_several, naive_action
from probrm.recipes.logs.inputs import LogInputs
from probrm.recipes.logs.scoring import without_actions

ACTIONS = ("copied", "-regenerated", "rating:ordinal", "dwell:log-normal")
N = 60


def frame(**changed: Any) -> pd.DataFrame:
    """No row is both copied and regenerated."""
    columns = {
        "prompt": [f"What is {i // 2}?" for i in range(N)],
        "response": [f"It is {i}." for i in range(N)],
        "copied": [1, 0, None] * 20,
        "regenerated": [0, 1, 0] * 20,
        "rating": [5, 1, None, 3] * 15,
        "dwell": [0.5, 10.0, None, 2.5, 90.0] * 12,
    }
    return pd.DataFrame({k: v for k, v in {**columns, **changed}.items() if v is not None})


def read(path: Path, spec: LogSpec | None = None, require: tuple[str, ...] = ("action",), **changed: Any) -> Log:
    frame(**changed).to_parquet(path / "log.parquet")
    return read_log(str(path / "log.parquet"), spec or LogSpec(actions=ACTIONS), require=require)


@pytest.fixture
def vectors() -> torch.Tensor:
    return torch.randn(N, 3, generator=torch.Generator().manual_seed(0))


def test_all_kinds_become_columns(tmp_path: Path, vectors: torch.Tensor) -> None:
    log = read(tmp_path)
    inputs = LogInputs.fit(log, vectors)
    assert [a.column for a in inputs.shape.actions] == ["copied", "regenerated", "rating", "dwell"]
    dwell = inputs.shape.actions[3]
    logs = np.log(np.array([0.5, 10, 2.5, 90]))
    assert dwell.centre == pytest.approx(logs.mean())
    assert dwell.spread == pytest.approx(logs.std())
    batch = inputs.batch(log, vectors)
    nan = np.nan
    expected = [[1, 0, 2, 0.5], [0, 1, 0, 10], [nan, 0, nan, nan], [1, 0, 1, 2.5], [0, 1, 2, 90]]
    np.testing.assert_allclose(batch["actions"][:5].numpy(), np.array(expected, np.float32))
    assert batch["action"][:5].tolist() == [1, 0, 0, 1, 0]
    assert "won" not in batch
    assert "known_propensity" not in batch


def test_restored_through_json_they_are_the_same(tmp_path: Path, vectors: torch.Tensor) -> None:
    log = read(tmp_path)
    inputs = LogInputs.fit(log, vectors)
    again = LogInputs.restore(json.loads(json.dumps(inputs.to_dict())), inputs.tensors())
    assert again.shape == inputs.shape
    assert torch.equal(again.batch(log, vectors)["actions"].nan_to_num(9), inputs.batch(log, vectors)["actions"].nan_to_num(9))
    old = {name: value for name, value in inputs.to_dict().items() if name != "actions"}
    assert LogInputs.restore(old, inputs.tensors()).actions == ()  # runs that were saved before there were several


def test_levels_are_those_of_the_fit_in_another_file(tmp_path: Path, vectors: torch.Tensor) -> None:
    inputs = LogInputs.fit(read(tmp_path), vectors)
    other = read(tmp_path, rating=[3, 4, 5, None] * 15)
    codes = inputs.batch(other, vectors)["actions"][:4, 2].numpy()
    np.testing.assert_array_equal(codes, [1, np.nan, 2, np.nan])  # 4 was not seen by the fit


def test_scoring_asks_for_none_of_them(tmp_path: Path, vectors: torch.Tensor) -> None:
    inputs = LogInputs.fit(read(tmp_path), vectors)
    spec = without_actions(LogSpec(actions=ACTIONS))
    texts = read(tmp_path, spec, (), copied=None, regenerated=None, rating=None, dwell=None)
    batch = inputs.batch(texts, vectors, covariates=False)
    assert "actions" not in batch
    assert batch["embedding"].shape == (N, 3)


def test_a_single_action_is_as_it_was(tmp_path: Path, vectors: torch.Tensor) -> None:
    log = read(tmp_path, LogSpec(), action=[0, 1] * 30, propensity=[0.5, None] * 30)
    inputs = LogInputs.fit(log, vectors)
    assert inputs.shape.actions == ()
    batch = inputs.batch(log, vectors)
    assert "actions" not in batch
    np.testing.assert_array_equal(batch["known_propensity"][:2].numpy(), [0.5, np.nan])


def test_comparisons_bring_the_rivals_features(tmp_path: Path, vectors: torch.Tensor) -> None:
    pairs: dict[str, Any] = {"pair": [i // 2 if i < 8 else None for i in range(N)], "chosen": [1, 0, 0, 1, 0, 0, 0, 1] + [None] * 52}
    log = read(tmp_path, LogSpec(reward_features=("dwell2",)), action=[0, 1] * 30, dwell2=list(range(N)), **pairs)
    inputs = LogInputs.fit(log, vectors)
    assert inputs.shape.actions == (ActionSpec("action"),)
    batch = inputs.batch(log, vectors)
    np.testing.assert_array_equal(batch["won"][:8].numpy(), [1, np.nan, 0, np.nan, np.nan, np.nan, 0, np.nan])
    torch.testing.assert_close(batch["rival_embedding"][[0, 2, 6]], batch["embedding"][[1, 3, 7]])
    torch.testing.assert_close(batch["rival_reward_covariates"][[0, 2, 6]], batch["reward_covariates"][[1, 3, 7]])
    assert not batch["rival_embedding"][4:6].any()
    assert torch.equal(batch["actions"][:, 0], batch["action"])


def test_pairs_in_which_nobody_chose_leave_the_model_as_it_was(tmp_path: Path, vectors: torch.Tensor) -> None:
    log = read(tmp_path, LogSpec(), action=[0, 1] * 30, pair=[i // 2 for i in range(N)], chosen=[0] * N)
    assert LogInputs.fit(log, vectors).shape.actions == ()
    assert "won" not in LogInputs.fit(log, vectors).batch(log, vectors)


def test_what_a_naive_reader_takes_for_the_label() -> None:
    nan = np.nan
    one, two, against = np.array([1, 0, 0, nan]), np.array([0, 0, 1, nan]), np.array([0, 1, 0, 1.0])
    specs = (ActionSpec("a"), ActionSpec("b"), ActionSpec("c", against=True))
    assert naive_action([one, two, against], specs).tolist() == [1, 0, 1, 0]
    assert naive_action([against], specs[2:]).tolist() == [1, 0, 1, 0]
    seconds = np.array([1.0, 2.0, 3.0, nan])
    assert naive_action([seconds], [ActionSpec("d", "log-normal")]).tolist() == [0, 0, 1, 0]
    assert naive_action([seconds], [ActionSpec("d", "log-normal", against=True)]).tolist() == [1, 0, 0, 0]


def test_actions_that_contradict_each_other(tmp_path: Path) -> None:
    log = read(tmp_path, regenerated=[0, 1, 0] * 19 + [1, 1, 0])
    with pytest.raises(DataError) as caught:
        check_several(log, Click())
    assert "row 58: it has copied and regenerated (1 such rows)" in caught.value.what
    assert "--set action.false_rate=0.02" in caught.value.fix
    check_several(log, Click(false_rate=0.02))
    check_several(read(tmp_path), Click())


@pytest.mark.parametrize(
    ("label", "says"), [(0, "row 1: it has copied and 0 as its label"), (1, "row 2: it has regenerated and 1 as its label")]
)
def test_an_action_that_contradicts_a_verdict(tmp_path: Path, label: int, says: str) -> None:
    labels = [label if i < 2 else None for i in range(N)]
    with pytest.raises(DataError, match=says):
        check_several(read(tmp_path, label=labels), Click())
    check_several(read(tmp_path, label=[1, 0, *[None] * 58]), Click())
