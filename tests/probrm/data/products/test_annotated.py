"""Argilla and Label Studio: what annotators gave is a log of annotators, or pairs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from probrm.data import LogSpec, PairSpec, read_log, read_pairs
from probrm.data.products.annotated_pairs import annotated_pairs
from probrm.errors import DataError
from tests.products import lines, listed

N = 40


def argilla_server() -> list[dict[str, Any]]:
    """Records of a server: two annotators each, one of them with a draft in every fourth; the last record has no response."""
    rows = []
    for i in range(N):
        responses = [
            {"user_id": "ann", "status": "submitted", "values": {"stars": {"value": i % 5 + 1}}},
            {"user_id": "bob", "status": "draft" if i % 4 == 0 else "submitted", "values": {"stars": {"value": (i + 1) % 5 + 1}}},
        ]
        rows.append(
            {"id": f"r{i}", "fields": {"prompt": f"Q{i}?", "response": f"A{i}."}, "metadata": {"length": i}, "responses": responses}
        )
    return [*rows, {"id": "new", "fields": {"prompt": "Q?", "response": "A."}, "responses": []}]


def argilla_json() -> list[dict[str, Any]]:
    """The same as ``records.to_json`` writes it."""
    return [
        {
            "id": row["id"],
            "fields": row["fields"],
            "metadata": {},
            "suggestions": {},
            "responses": {
                "stars": [
                    {"value": r["values"]["stars"]["value"], "user_id": r["user_id"], "status": r["status"]} for r in row["responses"]
                ]
            },
            "vectors": {},
            "status": "completed",
            "_server_id": f"server-{row['id']}",
        }
        for row in argilla_server()
    ]


def argilla_flat() -> list[dict[str, Any]]:
    """The same as ``to_datasets`` writes it."""
    return [
        {
            "id": row["id"],
            **row["fields"],
            "stars.responses": [r["values"]["stars"]["value"] for r in row["responses"]],
            "stars.responses.users": [r["user_id"] for r in row["responses"]],
            "stars.responses.status": [r["status"] for r in row["responses"]],
        }
        for row in argilla_server()
    ]


def label_studio() -> list[dict[str, Any]]:
    """The same as tasks; what was a draft is cancelled."""
    rows = []
    for number, row in enumerate(argilla_server()):
        annotations = [
            {
                "id": 100 * number + k,
                "completed_by": {"id": k, "email": r["user_id"]},
                "was_cancelled": r["status"] == "draft",
                "lead_time": 2.5,
                "result": [
                    {"type": "rating", "value": {"rating": r["values"]["stars"]["value"]}, "from_name": "stars", "to_name": "response"}
                ],
            }
            for k, r in enumerate(row["responses"])
        ]
        rows.append({"id": number, "data": row["fields"], "annotations": annotations, "predictions": [{"result": []}], "drafts": []})
    return rows


def label_studio_min() -> list[dict[str, Any]]:
    """The same flat; cancelled annotations are not in it."""
    return [
        {
            "id": i,
            **row["fields"],
            "stars": r["values"]["stars"]["value"],
            "annotator": r["user_id"],
            "annotation_id": 2 * i + k,
            "lead_time": 2.5,
        }
        for i, row in enumerate(argilla_server())
        for k, r in enumerate(row["responses"])
        if r["status"] == "submitted"
    ]


EXPECTED = [
    (f"Q{i}?", f"A{i}.", user, stars)
    for i in range(N)
    for user, stars in (("ann", i % 5 + 1), ("bob", (i + 1) % 5 + 1))
    if not (user == "bob" and i % 4 == 0)
]


@pytest.mark.parametrize("render", [argilla_server, argilla_json, argilla_flat, label_studio, label_studio_min])
@pytest.mark.parametrize("write", [lines, listed])
def test_ratings_are_a_log_of_annotators(render: Any, write: Any, tmp_path: Path) -> None:
    log = read_log(write(tmp_path / ("a.jsonl" if write is lines else "a.json"), render()))
    assert log.actions is not None
    assert log.user is not None
    levels = log.action_specs[0].levels
    found = [
        (c.prompt_text, c.response, user, int(levels[int(level)]))
        for c, user, level in zip(log.conversations, log.user, log.actions["stars"], strict=True)
    ]
    assert found == EXPECTED
    assert log.exposures is not None
    assert log.exposures.verdict == "annotators"


def test_what_is_left_out_is_counted(tmp_path: Path) -> None:
    notes = read_log(lines(tmp_path / "a.jsonl", argilla_server())).notes
    assert "dropped: 10 responses are drafts or discarded" in notes
    assert "dropped: 1 of 41 records have no response yet" in notes
    notes = read_log(lines(tmp_path / "l.jsonl", label_studio())).notes
    assert "dropped: 10 annotations were cancelled" in notes
    assert "dropped: 1 of 41 tasks have no annotation yet" in notes


def test_choices_in_every_row_are_no_log_of_actions(tmp_path: Path) -> None:
    rows = argilla_server()
    for row in rows:
        for response in row["responses"]:
            response["values"] = {"good": {"value": "yes" if response["user_id"] == "ann" else "no"}}
    path = lines(tmp_path / "a.jsonl", rows)
    with pytest.raises(DataError, match="exposures: none: all 70 rows have an action"):
        read_log(path)
    spec = LogSpec(columns={"action": "", "label": "good"}, values={"label:-1": 0})
    label = read_log(path, spec, require=("label",)).label
    assert label is not None
    assert np.unique(label).tolist() == [0, 1]


def argilla_ranking() -> list[dict[str, Any]]:
    """Rankings of two answers, in both spellings; a tie, and an annotator who disagrees."""
    rows = []
    for i in range(8):
        names = ["response-1", "response-2"] if i % 2 == 0 else ["response-2", "response-1"]
        value: Any = [{"rank": rank, "value": name} for rank, name in enumerate(names, start=1)] if i < 4 else names
        if i == 3:
            value = [{"rank": 1, "value": name} for name in names]
        fields = {"prompt": f"Q{i}?", "response-1": f"first {i}", "response-2": f"second {i}"}
        rows.append(
            {
                "id": f"r{i}",
                "fields": fields,
                "responses": [{"user_id": f"u{i % 2}", "status": "submitted", "values": {"best": {"value": value}}}],
            }
        )
    return rows


def label_studio_pairwise() -> list[dict[str, Any]]:
    """The same choices; a tie cannot be said."""
    rows = []
    for i in range(8):
        side = "left" if i % 2 == 0 else "right"
        result = [{"type": "pairwise", "value": {"selected": side}, "from_name": "pw", "to_name": "answer1,answer2"}]
        annotations = [{"id": i, "completed_by": f"u{i % 2}", "was_cancelled": i == 3, "result": result}]
        rows.append({"id": i, "data": {"prompt": f"Q{i}?", "answer1": f"first {i}", "answer2": f"second {i}"}, "annotations": annotations})
    return rows


@pytest.mark.parametrize("render", [argilla_ranking, label_studio_pairwise])
def test_comparisons_are_pairs(render: Any, tmp_path: Path) -> None:
    path = lines(tmp_path / "a.jsonl", render())
    with pytest.raises(DataError, match="pairs and no log of actions") as caught:
        read_log(path)
    assert "probrm fit bradley-terry" in caught.value.fix
    table, notes, name = annotated_pairs(path) or pytest.fail("it is not recognised")
    wanted = [i for i in range(8) if i != 3]
    assert table.column("prompt").to_pylist() == [[{"role": "user", "content": f"Q{i}?"}] for i in wanted]
    assert table.column("chosen").to_pylist() == [f"{'first' if i % 2 == 0 else 'second'} {i}" for i in wanted]
    assert table.column("rejected").to_pylist() == [f"{'second' if i % 2 == 0 else 'first'} {i}" for i in wanted]
    assert table.column("user_id").to_pylist() == [f"u{i % 2}" for i in wanted]
    assert f"(--preset {name})" in notes[0]
    pairs = read_pairs(path, min_pairs=7)
    assert [c.response[:5] for c in pairs.chosen] == ["first" if i % 2 == 0 else "secon" for i in wanted]
    assert [c.response[:5] for c in pairs.rejected] == ["secon" if i % 2 == 0 else "first" for i in wanted]


@pytest.mark.parametrize("names", [("answer1", "answer2"), ("option_a", "option_b"), ("left", "right")])
def test_left_is_the_first_answer_by_its_name(names: tuple[str, str], tmp_path: Path) -> None:
    """A data base gives the fields of a task in an order of its own."""
    rows = label_studio_pairwise()
    for row in rows:
        first, second = (row["data"].pop(name) for name in ("answer1", "answer2"))
        row["data"] = {names[1]: second, names[0]: first, "prompt": row["data"]["prompt"]}
    table, notes, _ = annotated_pairs(lines(tmp_path / "a.jsonl", rows)) or pytest.fail("it is not recognised")
    wanted = [i for i in range(8) if i != 3]
    assert table.column("chosen").to_pylist() == [f"{'first' if i % 2 == 0 else 'second'} {i}" for i in wanted]
    assert names[0] == "left" or f"left is read as `{names[0]}`, right as `{names[1]}`" in notes


def test_left_of_two_answers_that_no_name_tells_apart(tmp_path: Path) -> None:
    rows = label_studio_pairwise()
    for row in rows:
        row["data"] = {"prompt": "Q?", "response": row["data"]["answer1"], "completion": row["data"]["answer2"]}
    with pytest.raises(DataError, match="record 0/0: 'left' was chosen, and no two fields can be recognised"):
        read_pairs(lines(tmp_path / "a.jsonl", rows))


def test_several_labels_are_no_ranking(tmp_path: Path) -> None:
    rows = argilla_ranking()
    for row in rows:
        row["responses"][0]["values"]["tags"] = {"value": ["short", "polite"]}
    table, _, _ = annotated_pairs(lines(tmp_path / "a.jsonl", rows)) or pytest.fail("it is not recognised")
    assert table.num_rows == 7
    rows = argilla_json()
    for row in rows:
        row["responses"] |= {"tags": [{**one, "value": ["short", "polite"]} for one in row["responses"].get("stars", [])]}
    path = lines(tmp_path / "b.jsonl", rows)
    assert annotated_pairs(path) is None
    assert list(read_log(path, LogSpec(actions=("stars:ordinal",))).actions or {}) == ["stars"]


def test_several_questions_that_compare_must_be_chosen_from(tmp_path: Path) -> None:
    rows = argilla_ranking()
    for row in rows:
        row["responses"][0]["values"]["safer"] = {"value": ["response-2", "response-1"]}
    path = lines(tmp_path / "a.jsonl", rows)
    with pytest.raises(DataError, match="2 questions compare answers: best, safer") as caught:
        read_pairs(path, min_pairs=7)
    assert caught.value.fix == "say which one decides: --columns choice=best"
    pairs = read_pairs(path, PairSpec(columns={"choice": "safer"}), min_pairs=7)
    assert {c.response[:6] for c in pairs.chosen} == {"second"}
    with pytest.raises(DataError, match="there is no question 'nicer' that compares answers"):
        read_pairs(path, PairSpec(columns={"choice": "nicer"}))


def test_several_answers_that_nobody_compared(tmp_path: Path) -> None:
    rows = argilla_ranking()
    for row in rows:
        row["responses"][0]["values"] = {"best": {"value": "A"}}
    with pytest.raises(DataError, match="and no question compares them; found: best"):
        read_log(lines(tmp_path / "a.jsonl", rows))


def test_other_files_have_no_annotated_pairs(tmp_path: Path) -> None:
    assert annotated_pairs(lines(tmp_path / "a.jsonl", argilla_server())) is None
    assert annotated_pairs(lines(tmp_path / "b.jsonl", [{"prompt": "a", "chosen": "b", "rejected": "c"}])) is None
