"""Labels of annotators, joined to a log."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from probrm.data import Conversation
from probrm.data.logs.labels import read_labels, with_labels
from probrm.errors import DataError

LOG = [Conversation("p", "a"), Conversation("p", "b"), Conversation("p", "a"), Conversation((("user", "q"),), "c"), Conversation("z", "d")]


def joined(path: Path, label: np.ndarray | None = None) -> tuple[list[float], str]:
    notes: list[str] = []
    found = with_labels(label, LOG, str(path), "log.parquet", notes)
    (note,) = notes
    return found.tolist(), note.replace(path.name, "FILE")


def put(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text(json.dumps(rows))
    return path


@pytest.mark.parametrize("ending", ["json", "jsonl", "csv", "parquet"])
def test_a_table(ending: str, tmp_path: Path) -> None:
    frame = pd.DataFrame({"prompt": ["p", "p", "q", "no"], "response": ["a", "b", "c", "such"], "label": ["yes", "0", "bad", "1"]})
    path = tmp_path / f"labels.{ending}"
    write = {"json": lambda: frame.to_json(path, orient="records"), "jsonl": lambda: frame.to_json(path, orient="records", lines=True)}
    {**write, "csv": lambda: frame.to_csv(path, index=False), "parquet": lambda: frame.to_parquet(path)}[ending]()
    found, note = joined(path)
    np.testing.assert_array_equal(found, [1, 0, np.nan, 0, np.nan])
    assert note == "labels: 3 of 4 labelled answers of FILE joined; 1 are not in the log"


def argilla(text: tuple[str, str], *answers: Any, status: str = "submitted", question: str = "good") -> dict[str, Any]:
    responses = [{"value": value, "user_id": f"u{i}", "status": status} for i, value in enumerate(answers)]
    return {"id": str(text), "fields": dict(zip(("prompt", "response"), text, strict=True)), "responses": {question: responses}}


def label_studio(text: tuple[str, str], *answers: Any, cancelled: bool = False) -> dict[str, Any]:
    def one(i: int, value: Any) -> dict[str, Any]:
        region = {"from_name": "good", "to_name": "response", "type": "choices", "value": {"choices": [value]}}
        return {"id": i, "completed_by": i, "was_cancelled": cancelled, "result": [region]}

    return {
        "id": 1,
        "data": dict(zip(("prompt", "response"), text, strict=True)),
        "annotations": [one(i, v) for i, v in enumerate(answers)],
    }


@pytest.mark.parametrize("made", [argilla, label_studio])
def test_several_annotators(made: Any, tmp_path: Path) -> None:
    """What most say; nothing where they are split."""
    path = put(tmp_path / "l.json", [made(("p", "a"), "no", "yes", "no"), made(("p", "b"), "yes", "no"), made(("z", "d"), "yes")])
    found, note = joined(path)
    np.testing.assert_array_equal(found, [0, np.nan, np.nan, np.nan, 1])
    assert note == "labels: 2 of 3 labelled answers of FILE joined; 2 have several annotators; 1 left out, annotators are split"


def test_drafts_and_cancelled_ones_are_out(tmp_path: Path) -> None:
    drafts = put(tmp_path / "a.json", [argilla(("p", "a"), "yes", status="draft"), argilla(("p", "b"), "no")])
    assert joined(drafts)[0][1] == 0
    assert np.isnan(joined(drafts)[0][0])
    cancelled = put(tmp_path / "b.json", [label_studio(("p", "a"), "yes", cancelled=True), label_studio(("p", "b"), "no")])
    assert read_labels(str(cancelled)) == {("p", "b"): [0.0]}


def test_one_judgment_is_one_observation(tmp_path: Path) -> None:
    """Of an answer that was shown twice the row without a label gets it; one that has labels in all its rows keeps them."""
    path = put(tmp_path / "l.json", [{"prompt": "p", "response": "a", "label": 0}, {"prompt": "p", "response": "b", "label": 1}])
    before = np.array([1, 0, np.nan, np.nan, np.nan], np.float32)
    found, note = joined(path, before)
    np.testing.assert_array_equal(found, [1, 0, 0, np.nan, np.nan])
    assert note.endswith("1 have a label in the log")
    assert np.isnan(before[2])


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{"prompt": "p", "response": "a", "label": 2}], "row 1: the label is 2; allowed: 1, 0, yes"),
        ([{"prompt": "p", "response": "a", "label": "perhaps"}], "the label is 'perhaps'"),
        ([{"prompt": "p", "label": 1}], "row 1: it has no response; found: prompt, label"),
        ([{"prompt": "p", "response": "a", "label": None}], "none of its 1 rows has a label"),
        ([{"prompt": "x", "response": "y", "label": 1}], "none of its 1 labelled answers is in log.parquet"),
        ([{"prompt": ["p"], "response": "a", "label": 1}], "to be texts; found list and str"),
        ([argilla(("p", "a"), 4, question="stars")], "the label is 4"),
    ],
)
def test_what_cannot_be_read(rows: list[dict[str, Any]], message: str, tmp_path: Path) -> None:
    path = put(tmp_path / "l.json", rows)
    with pytest.raises(DataError) as caught:
        joined(path)
    assert message in caught.value.what
    assert str(path) in caught.value.what
