from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

import probrm
from probrm.data import Conversation, LogSpec, read_log
from probrm.errors import EncoderError
from probrm.runs import Run
from probrm_models.implicit_vectors import run_vectors, vectors_now, without_actions
from tests import support

TEXTS = [Conversation("What is 2 + 2?", "The answer is 4."), Conversation("What is 2 + 2?", "Sorry, no idea.")]


@pytest.fixture(autouse=True)
def _cache() -> Iterator[None]:
    with support.environment():
        yield


@pytest.fixture
def run() -> Run:
    return probrm.load(support.run_path())


def test_what_is_read_of_a_file_that_is_scored() -> None:
    spec = LogSpec(
        columns={"prompt": "question", "action": "copied", "label": "good"},
        preset="realhumaneval",
        propensity_features=("surface",),
        reward_features=("hour",),
        derive=("length",),
    )
    plain = without_actions(spec)
    assert plain == replace(spec, columns=plain.columns, propensity_features=(), derive=())
    assert plain.columns["prompt"] == "question"
    assert "response" not in plain.columns  # by its own name, or not there where the prompt is a whole chat
    assert {name for name, column in plain.columns.items() if column == ""} >= {"action", "user_id", "label", "id", "weight", "shown"}
    assert without_actions(spec, "label").columns["label"] == "good"


@pytest.mark.parametrize("value", ["yes", 2, None])
def test_an_action_that_means_something_else_is_no_matter(value: object, tmp_path: Path) -> None:
    support.log_frame(60).assign(action=value).to_parquet(tmp_path / "t.parquet")
    log = read_log(str(tmp_path / "t.parquet"), without_actions(LogSpec()), require=())
    assert log.action is None
    assert log.notes == []


def test_vectors_with_and_without_the_disk_are_the_same(run: Run) -> None:
    stored, now = run_vectors(run, TEXTS), vectors_now(run, TEXTS)
    assert stored.vectors.shape == (2, 384)
    torch.testing.assert_close(stored.vectors, now, atol=2e-3, rtol=0)
    assert stored.key == run.record["encoder"]["key"]


def test_an_encoder_whose_files_have_changed(run: Run) -> None:
    run.record["encoder"]["key"] = "another"
    for vectors in (run_vectors, vectors_now):
        with pytest.raises(EncoderError, match=r"(is|are) not (those|the one) that the run was fitted on"):
            vectors(run, TEXTS)
