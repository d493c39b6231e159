"""TRL's unpaired preferences: what a false label means has to be said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from probrm.data import LogSpec, read_log
from probrm.errors import ConfigError, DataError
from tests.pair_shapes import assistant, user, write_rows

N = 60


@pytest.fixture(params=["texts", "messages"])
def path(tmp_path: Path, request: pytest.FixtureRequest) -> str:
    chat = request.param == "messages"
    rows: list[dict[str, Any]] = [
        {
            "prompt": [user(f"Q{i // 2}")] if chat else f"Q{i // 2}",
            "completion": [assistant(f"A{i}")] if chat else f"A{i}",
            "label": i % 3 == 0,
        }
        for i in range(N)
    ]
    return write_rows(rows, tmp_path / "kto.jsonl")


def test_a_false_label_is_not_guessed_at(path: str) -> None:
    with pytest.raises(DataError, match="a false label can mean that somebody rejected the answer, or that nobody reacted") as caught:
        read_log(path)
    assert "--label-false-means negative" in caught.value.fix
    assert "--label-false-means no-action" in caught.value.fix


@pytest.mark.parametrize("preset", [None, "trl-unpaired"])
def test_an_action_that_some_answers_got(path: str, preset: str | None) -> None:
    log = read_log(path, LogSpec(preset=preset, label_false_means="no-action"))
    assert [(c.prompt_text, c.response) for c in log.conversations] == [(f"Q{i // 2}", f"A{i}") for i in range(N)]
    assert log.action is not None
    assert log.action.tolist() == [float(i % 3 == 0) for i in range(N)]
    assert log.propensity_known is None
    assert log.notes[0] == "read as trl-unpaired: prompt, completion, label; true is an action, and false means that nobody acted"


def test_a_verdict_on_every_answer(path: str) -> None:
    log = read_log(path, LogSpec(label_false_means="negative"))
    assert log.propensity_known is not None
    assert (log.propensity_known == 1).all()
    assert log.action is not None
    assert log.action.sum() == N / 3


def test_to_evaluate_a_label_is_a_label(path: str) -> None:
    log = read_log(path, require=("label",))
    assert log.label is not None
    assert log.label.tolist() == [float(i % 3 == 0) for i in range(N)]
    assert log.action is None


def test_named_columns_are_read_as_they_are_named(path: str) -> None:
    log = read_log(path, LogSpec(columns={"response": "completion", "action": "label"}))
    assert log.notes == []


def test_what_a_false_label_cannot_mean() -> None:
    with pytest.raises(ConfigError, match="there is no 'maybe'; allowed: negative, no-action"):
        LogSpec(label_false_means="maybe")


def test_another_file_named_as_such(tmp_path: Path) -> None:
    path = write_rows([{"prompt": "q", "response": "a", "action": 1}] * N, tmp_path / "log.jsonl")
    with pytest.raises(DataError, match="there is no completion, label"):
        read_log(path, LogSpec(preset="trl-unpaired"))
