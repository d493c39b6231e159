"""What the readers of LangSmith and Phoenix leave out, refuse or say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from probrm.data import LogSpec, read_log
from tests import products
from tests.product_support import LOG, rows_of
from tests.products import lines


def test_langsmith_leaves_programs_and_failed_runs_out(tmp_path: Path) -> None:
    source = products.langsmith_feedback(LOG, tmp_path)
    assert "left out: 1 rows of feedback that programs gave; name their key to use it" in read_log(source).notes
    runs = rows_of(f"{source}/runs.jsonl")
    runs[2]["error"] = "timeout"
    log = read_log(lines(tmp_path / "new" / "runs.jsonl", runs), LogSpec(feedback=f"{source}/feedback.jsonl", on="run_id"))
    assert len(log) == 59
    assert "dropped: 1 root runs failed" in log.notes


def test_langsmith_ratings_that_disagree(tmp_path: Path) -> None:
    runs = products.langsmith_runs(LOG, stats=True)
    runs[2]["feedback_stats"] = {"thumb": {"n": 4, "avg": 0.75}}
    runs[4]["feedback_stats"] = {"thumb": {"n": 2, "avg": 0.5}}
    log = read_log(lines(tmp_path / "runs.jsonl", runs))
    assert log.actions is not None
    assert log.actions["thumb:up"][1:3].tolist() == [1, 0]
    assert log.actions["thumb:down"][1:3].tolist() == [0, 0]
    assert any("2 runs have several ratings that disagree" in note for note in log.notes)


@pytest.mark.parametrize(
    ("outputs", "text"),
    [
        ({"output": "A"}, "A"),
        ({"messages": [{"role": "user", "content": "Q"}, {"role": "assistant", "content": "A"}]}, "A"),
        ({"generations": [[{"text": "A"}]]}, "A"),
        ({"generations": [[{"message": {"kwargs": {"content": [{"type": "text", "text": "A"}]}}}]]}, "A"),
        ({"choices": [{"message": {"role": "assistant", "content": "A"}}]}, "A"),
        ({"content": [{"type": "text", "text": "A"}], "role": "assistant"}, "A"),
        ({"output": {"role": "assistant", "content": "A"}}, "A"),
        ({"output": [{"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "A"}]}]}, "A"),
    ],
)
def test_outputs_of_any_form(tmp_path: Path, outputs: Any, text: str) -> None:
    runs = products.langsmith_runs(LOG, stats=True)
    for run in runs:
        run["outputs"] = outputs
    assert read_log(lines(tmp_path / "runs.jsonl", runs)).conversations[0].response == text


def test_exactly_a_page_of_runs(tmp_path: Path) -> None:
    found = read_log(lines(tmp_path / "runs.jsonl", products.langsmith_runs(products.synthetic_log(50), stats=True))).exposures
    assert found is not None
    assert found.verdict == "truncated"


def test_phoenix_at_its_default_limit(tmp_path: Path) -> None:
    found = read_log(products.phoenix(products.synthetic_log(1000), tmp_path)).exposures
    assert found is not None
    assert found.verdict == "truncated"
    assert "get_spans_dataframe" in found.why


def test_phoenix_annotations_by_programs_are_left_out(tmp_path: Path) -> None:
    assert any("left out: 60 annotations that programs gave" in note for note in read_log(products.phoenix(LOG, tmp_path)).notes)


def test_phoenix_messages_and_children(tmp_path: Path) -> None:
    rows = rows_of(products.phoenix(LOG, tmp_path))
    for row in rows:
        attributes = row["attributes"]
        prompt = attributes.pop("input.value")
        attributes["llm.input_messages.0.message.role"], attributes["llm.input_messages.0.message.content"] = "user", prompt
        attributes["llm.output_messages"] = [{"message.role": "assistant", "message.content": attributes.pop("output.value")}]
    children = [
        {**row, "context": {**row["context"], "span_id": f"x{i}"}, "parent_id": row["context"]["span_id"]} for i, row in enumerate(rows)
    ]
    log = read_log(lines(tmp_path / "two.jsonl", [*rows, *children]))
    assert [c.prompt_text for c in log.conversations] == [one.prompt for one in LOG]
    assert [c.response for c in log.conversations] == [one.response for one in LOG]
