"""Published files with rows that are written otherwise than the rest."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from probrm.data import read_pairs
from probrm.errors import DataError


def as_csv(path: Path, rows: list[dict[str, Any]]) -> str:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return str(path)


def test_one_plain_text_among_the_lists_of_kaggle(tmp_path: Path) -> None:
    rows = []
    for i in range(30):
        texts = {"prompt": f"Q{i}", "response_a": f"good {i}", "response_b": f"bad {i}"}
        written = texts if i == 7 else {name: json.dumps([text]) for name, text in texts.items()}
        rows.append({**written, "winner_model_a": 1, "winner_model_b": 0, "winner_tie": 0})
    pairs = read_pairs(as_csv(tmp_path / "a.csv", rows))
    assert [(c.prompt, c.response, r.response) for c, r in zip(pairs.chosen, pairs.rejected, strict=True)] == [
        ((("user", f"Q{i}"),), f"good {i}", f"bad {i}") for i in range(30)
    ]
    assert "1 of 30 rows are no lists with a text a turn: each is read as a chat of one turn" in pairs.notes


@pytest.mark.parametrize("as_text", [False, True])
def test_messages_beside_one_column_a_winner(as_text: bool, tmp_path: Path) -> None:
    """The columns of the winner are those of Kaggle, and the texts are chats as everywhere else."""
    rows = []
    for i in range(30):
        turns = {"prompt": ("user", f"Q{i}"), "response_a": ("assistant", f"good {i}"), "response_b": ("assistant", f"bad {i}")}
        said = {name: [{"role": role, "content": text}] for name, (role, text) in turns.items()}
        written = {name: json.dumps(chat) for name, chat in said.items()} if as_text else said
        rows.append({**written, "winner_model_a": 1, "winner_model_b": 0, "winner_tie": 0})
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, rows)))
    pairs = read_pairs(str(tmp_path / "a.jsonl"))
    assert [(c.prompt, c.response, r.response) for c, r in zip(pairs.chosen, pairs.rejected, strict=True)] == [
        ((("user", f"Q{i}"),), f"good {i}", f"bad {i}") for i in range(30)
    ]


def messages() -> list[dict[str, Any]]:
    """Ids of replies are text, and those of the messages before them numbers in a CSV."""
    rows: list[dict[str, Any]] = []
    for i in range(30):
        rows.append({"message_id": str(i), "parent_id": None, "text": f"Q{i}", "role": "prompter", "rank": None})
        rows += [
            {"message_id": f"{i}/{rank}", "parent_id": i, "text": text, "role": "assistant", "rank": rank}
            for rank, text in enumerate(("good", "bad"))
        ]
    return rows


def test_messages_whose_ids_are_text_here_and_numbers_there(tmp_path: Path) -> None:
    pairs = read_pairs(as_csv(tmp_path / "a.csv", messages()))
    assert {(c.response, r.response) for c, r in zip(pairs.chosen, pairs.rejected, strict=True)} == {("good", "bad")}
    assert len(pairs) == 30


def test_replies_to_messages_that_are_not_there(tmp_path: Path) -> None:
    rows = messages()
    pairs = read_pairs(as_csv(tmp_path / "a.csv", rows[3:] + rows[1:3]))
    assert "left out: 2 of 60 replies of the assistant, because the message before them is not in the file" in pairs.notes
    assert len(pairs) == 29
    with pytest.raises(DataError, match="none of the 60 messages of the assistant replies to a message that is in the file"):
        read_pairs(as_csv(tmp_path / "b.csv", [row for row in rows if row["role"] == "assistant"]))
