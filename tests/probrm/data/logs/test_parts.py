"""Logs whose prompts and answers are messages and content parts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from probrm.data import LogSpec, read_log
from tests.pair_shapes import assistant, user, write_rows

N = 60


@pytest.mark.parametrize(
    ("prompt", "answer"),
    [
        (lambda i: f"Q{i}", lambda i: json.dumps([{"type": "text", "text": f"A{i}"}])),
        (lambda i: f"Q{i}", lambda i: [{"type": "output_text", "text": f"A{i}"}]),
        (lambda i: [user(f"Q{i}")], lambda i: [assistant(f"A{i}")]),
        (lambda i: [{"from": "human", "value": f"Q{i}"}], lambda i: {"from": "gpt", "value": f"A{i}"}),
        (lambda i: [{"author": "prompter", "text": f"Q{i}"}], lambda i: json.dumps([f"A{i}"])),
        (lambda i: [user(f"Q{i}")] if i % 2 else f"Q{i}", lambda i: [{"type": "text", "text": f"A{i}"}] if i % 3 else f"A{i}"),
    ],
)
def test_every_form_is_the_same_log(tmp_path: Path, prompt: Any, answer: Any) -> None:
    rows = [{"prompt": prompt(i), "completion": answer(i), "label": i % 2} for i in range(N)]
    log = read_log(write_rows(rows, tmp_path / "log.jsonl"), LogSpec(columns={"response": "completion", "action": "label"}))
    assert [(c.prompt_text, c.response) for c in log.conversations] == [(f"Q{i}", f"A{i}") for i in range(N)]


def test_whole_chats_of_other_products(tmp_path: Path) -> None:
    rows = [{"messages": [{"from": "Human", "value": f"Q{i}"}, {"from": "ChatBot", "value": f"A{i}"}], "action": i % 2} for i in range(N)]
    log = read_log(write_rows(rows, tmp_path / "log.jsonl"))
    assert log.conversations[3].prompt == (("user", "Q3"),)
    assert log.conversations[3].response == "A3"
