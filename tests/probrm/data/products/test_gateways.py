"""What the readers of gateways leave out, refuse or say, and feedback from another file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from probrm.data import LogSpec, read_log
from probrm.data.products.joining import places
from tests import products
from tests.product_support import LOG, refused, rows_of
from tests.products import lines


def test_helicone_without_bodies(tmp_path: Path) -> None:
    rows = [
        {**row, "request_body": None, "response_body": None, "signed_body_url": "https://…"}
        for row in rows_of(products.helicone(LOG, tmp_path))
    ]
    assert "signed_body_url" in refused(lines(tmp_path / "bare.jsonl", rows)).what


def test_helicone_in_its_other_forms(tmp_path: Path) -> None:
    rows = rows_of(products.helicone(LOG, tmp_path))
    for i, row in enumerate(rows):
        rating = row.pop("scores").get("helicone-score-feedback")
        row["scores"] = {"helicone-score-feedback": {"value": rating, "valueType": "boolean"}} if rating is not None and i % 2 else {}
        row["feedback_rating"] = bool(rating) if rating is not None and i % 2 == 0 else None
    log = read_log(lines(tmp_path / "other.jsonl", rows))
    assert log.actions is not None
    assert log.actions["feedback:up"].tolist() == [float(one.thumb == 1) for one in LOG]
    assert "dropped: 1 of 61 requests failed (response_status is not 200)" in log.notes


def test_litellm_without_feedback_or_texts(tmp_path: Path) -> None:
    source = products.litellm(LOG, tmp_path)
    assert "no answer has feedback" in refused(source).what
    assert "--feedback FILE --on request_id" in " ".join(read_log(source, require=()).notes)
    rows = [{**row, "messages": {}, "response": {}} for row in rows_of(source)]
    assert "store_prompts_in_spend_logs" in refused(lines(tmp_path / "bare.jsonl", rows)).fix


@pytest.mark.parametrize("place", ["column", "metadata"])
def test_litellm_keeps_the_prompt_in_the_request(tmp_path: Path, place: str) -> None:
    """Newer versions leave ``messages`` empty, also as the text ``{}``."""
    source = products.litellm(LOG, tmp_path)
    usual = read_log(source, require=())
    rows = rows_of(source)
    for row in rows:
        request = {"model": "m", "messages": row.pop("messages")}
        kept = {"proxy_server_request": json.dumps(request)}
        row |= {"messages": "{}"} | (kept if place == "column" else {"metadata": kept})
    assert read_log(lines(tmp_path / "newer.jsonl", rows), require=()).conversations == usual.conversations
    empty = [{**row, "messages": "{}", "response": "{}", "metadata": "{}", "proxy_server_request": "{}"} for row in rows]
    assert "none of its 61 calls has a prompt and an answer" in refused(lines(tmp_path / "empty.jsonl", empty), require=()).what


@pytest.mark.parametrize(
    "name",
    ["langsmith", "phoenix", "helicone", "litellm", "openwebui-feedback", "openwebui-chats", "librechat", "fastchat"],
)
def test_a_csv_with_json_in_its_cells(tmp_path: Path, name: str) -> None:
    """As data bases export a table of these records."""
    source = products.RENDER[name](LOG, tmp_path)
    usual = read_log(source, require=())
    rows = rows_of(source)
    everywhere = dict.fromkeys(key for row in rows for key in row)
    table = products.as_csv(tmp_path / "table.csv", [{key: row.get(key) for key in everywhere} for row in rows])
    log = read_log(table, require=())
    assert log.conversations == usual.conversations
    assert (log.user is None) == (usual.user is None)
    assert log.user is None or log.user.tolist() == usual.user.tolist()  # type: ignore[union-attr]
    assert {k: v.tolist() for k, v in (log.actions or {}).items()} == {k: v.tolist() for k, v in (usual.actions or {}).items()}


@pytest.mark.parametrize(
    ("table", "on", "says"),
    [
        ("request_id,thumb\nq-other,up\n", "request_id", "none of its 1 rows has a request_id that is in"),
        ("id,thumb\nqm0,up\n", "request_id", "there is no column 'request_id' (named with --on)"),
        ("request_id,note\nqm0,up\n", "request_id", "no column holds the feedback"),
        ("request_id,thumb,rating\nqm0,up,1\n", "request_id", "several columns may hold the feedback: rating, thumb"),
        ("request_id,thumb\nqm0,up\n", "run_id", "--on run_id: "),
    ],
)
def test_feedback_that_cannot_be_joined(tmp_path: Path, table: str, on: str, says: str) -> None:
    source = products.litellm(LOG, tmp_path)
    (tmp_path / "f.csv").write_text(table)
    assert says in refused(source, LogSpec(feedback=str(tmp_path / "f.csv"), on=on)).what


def test_feedback_of_several_kinds_in_one_file(tmp_path: Path) -> None:
    source = products.litellm(LOG, tmp_path)
    rows = [{"request_id": f"qm{i}", "name": name, "score": 1} for i in range(0, 60, 4) for name in ("copied", "shared")]
    lines(tmp_path / "f.jsonl", [*rows, {"request_id": "gone", "name": "copied", "score": 1}])
    log = read_log(source, LogSpec(feedback=str(tmp_path / "f.jsonl"), on="request_id", actions=("copied", "shared")))
    assert log.actions is not None
    assert log.actions["copied"].tolist() == log.actions["shared"].tolist() == [float(i % 4 == 0) for i in range(60)]
    assert "feedback: 1 of 31 rows are about answers that are not in the export" in log.notes


def test_feedback_to_a_plain_table_is_refused(tmp_path: Path) -> None:
    path = lines(tmp_path / "log.jsonl", products.plain(LOG))
    assert "--feedback joins a product's log" in refused(path, LogSpec(feedback=path, on="id", actions=("thumb",))).what


def test_places_are_those_of_a_loop() -> None:
    wanted, among = ["b", None, "z", "a", "b"], ["a", "b", None]
    assert places(wanted, among).tolist() == [1, -1, -1, 0, 1]
