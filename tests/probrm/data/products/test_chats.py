"""What the readers of chat products and of FastChat leave out, refuse or say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from probrm.data import read_log
from tests import products
from tests.product_support import LOG, refused, rows_of
from tests.products import lines, listed


def test_openwebui_choices_among_models_are_no_thumbs(tmp_path: Path) -> None:
    rows = rows_of(products.openwebui_feedback(LOG, tmp_path))
    rows[0]["meta"]["arena"] = True
    rows[1]["data"]["sibling_model_ids"] = ["other"]
    log = read_log(listed(tmp_path / "arena.json", rows))
    assert any("left out: 2 ratings given to one of several models side by side" in note for note in log.notes)
    asked = {c.prompt_text for c in log.conversations}
    assert not asked & {LOG[int(row["meta"]["message_id"][1:])].prompt for row in rows[:2]}


def test_openwebui_the_other_side_of_a_choice_is_no_exposure(tmp_path: Path) -> None:
    rows = rows_of(products.openwebui_feedback(LOG, tmp_path))
    for row in rows[:2]:
        messages, rated = row["snapshot"]["chat"]["chat"]["history"]["messages"], row["meta"]["message_id"]
        messages["beside"] = {**messages[rated], "id": "beside", "content": "Said beside it."}
        row["data"]["sibling_model_ids"] = ["other"]
    log = read_log(listed(tmp_path / "arena.json", rows))
    assert "Said beside it." not in {c.response for c in log.conversations}


def test_openwebui_rated_messages_that_are_not_in_their_snapshot(tmp_path: Path) -> None:
    rows = rows_of(products.openwebui_feedback(LOG, tmp_path))
    for row in rows:
        row["meta"]["message_id"] = "gone"
    assert "none of the" in refused(listed(tmp_path / "gone.json", rows)).what


def test_openwebui_errors_are_no_exposures(tmp_path: Path) -> None:
    rows = rows_of(products.openwebui_feedback(LOG, tmp_path))
    for row in rows:
        failed = {"id": "e", "role": "assistant", "content": "Connection lost", "parentId": None, "error": {"content": "timeout"}}
        row["snapshot"]["chat"]["chat"]["history"]["messages"]["e"] = failed
    log = read_log(listed(tmp_path / "failed.json", rows))
    assert "Connection lost" not in {c.response for c in log.conversations}


def test_openwebui_the_last_rating_counts(tmp_path: Path) -> None:
    rows = rows_of(products.openwebui_feedback(LOG, tmp_path))
    rows.insert(0, {**rows[0], "data": {"rating": -1}, "updated_at": 1793999999})
    log = read_log(listed(tmp_path / "twice.json", rows))
    assert log.actions is not None
    assert log.actions["thumb:down"][0] == 1
    assert log.actions["thumb:up"][0] == 0


def test_librechat_answers_without_their_questions(tmp_path: Path) -> None:
    rows = [row for row in rows_of(products.librechat(LOG, tmp_path)) if not row["isCreatedByUser"]]
    log = read_log(lines(tmp_path / "answers.jsonl", rows))
    assert {c.prompt for c in log.conversations} == {""}
    assert "60 of 60 answers have no message before them in the export: their prompt is empty" in log.notes


def test_librechat_errors_and_longer_chats(tmp_path: Path) -> None:
    rows = rows_of(products.librechat(LOG, tmp_path))
    rows[2]["parentMessageId"] = "m0"  # the second question replies to the first answer
    rows[5]["error"] = True
    log = read_log(lines(tmp_path / "long.jsonl", rows))
    assert "dropped: 1 answers that are error messages" in log.notes
    assert log.conversations[1].prompt == (("user", LOG[0].prompt), ("assistant", LOG[0].response), ("user", LOG[1].prompt))


def test_librechat_ratings_of_another_spelling(tmp_path: Path) -> None:
    rows = rows_of(products.librechat(LOG, tmp_path))
    rows[1]["feedback"]["rating"] = "meh"
    assert "feedback 'thumb': found 'meh'" in refused(lines(tmp_path / "odd.jsonl", rows)).what


def test_assistant_ui_in_its_other_forms(tmp_path: Path) -> None:
    threads = rows_of(products.assistant_ui(LOG, tmp_path))
    cloud, repository = [], []
    for thread in threads:
        question, answer = thread["messages"]
        repository.append(
            {"headId": answer["id"], "messages": [{"parentId": None, "message": question}, {"parentId": question["id"], "message": answer}]}
        )
        for parent, message in ((None, question), (question["id"], answer)):
            content = {name: message[name] for name in ("role", "content", "metadata")}
            cloud.append(
                {
                    "id": message["id"],
                    "parent_id": parent,
                    "height": 0,
                    "created_at": message["createdAt"],
                    "format": "aui/v0",
                    "content": content,
                }
            )
    for name, rows in (("repository", repository), ("cloud", cloud)):
        log = read_log(lines(tmp_path / f"{name}.jsonl", rows))
        assert "(--preset assistant-ui)" in log.notes[0]
        assert log.actions is not None
        assert log.actions["thumb:up"].tolist() == [float(one.thumb == 1) for one in LOG]
        assert [c.prompt_text for c in log.conversations] == [one.prompt for one in LOG]


def side(chat: str, prompt: str, response: str) -> dict[str, Any]:
    return {"conv_id": chat, "offset": 0, "model_name": "m", "messages": [["USER", prompt], ["ASSISTANT", response]]}


def votes() -> products.Rows:
    kinds = ("leftvote", "rightvote", "tievote", "bothbad_vote")
    return [
        {
            "tstamp": 1793530000.0 + i,
            "type": kinds[i % 4],
            "models": ["a", "b"],
            "states": [side(f"a{i}", f"P{i}", f"left {i}"), side(f"b{i}", f"P{i}", f"right {i}")],
            "ip": f"v{i % 3}",
        }
        for i in range(8)
    ]


def test_fastchat_votes_between_two_are_comparisons(tmp_path: Path) -> None:
    events = rows_of(products.fastchat(LOG, tmp_path))
    path = lines(tmp_path / "both.json", [*events, *votes()])
    log = read_log(path)
    assert log.won is not None
    assert log.actions is not None
    assert len(log) == 76
    chosen = {log.conversations[i].response: log.won[i] for i in np.flatnonzero(np.isfinite(log.won))}
    assert chosen == {"left 0": 1, "left 1": 0, "left 4": 1, "left 5": 0}
    assert np.isnan(log.actions["thumb:up"][60:]).all()  # nobody was offered a thumb there
    assert log.actions["thumb:up"][:60].tolist() == [float(one.thumb == 1) for one in LOG]
    single = read_log(path, several=False)
    assert len(single) == 60


def test_fastchat_votes_alone_and_cleaned_battles_are_pairs(tmp_path: Path) -> None:
    assert "probrm fit bradley-terry" in refused(lines(tmp_path / "votes.json", votes())).fix
    chat = [{"role": "user", "content": "Q"}, {"role": "assistant", "content": "A"}]
    battle = {
        "question_id": "q",
        "model_a": "m",
        "model_b": "n",
        "winner": "model_a",
        "conversation_a": chat,
        "conversation_b": chat,
        "turn": 1,
    }
    for path in (lines(tmp_path / "battles.jsonl", [battle] * 60), listed(tmp_path / "battles.json", [battle] * 60)):
        error = refused(path)
        assert "cleaned battles hold votes between two answers" in error.what
        assert "probrm fit bradley-terry" in error.fix


def test_fastchat_turns_of_one_chat_are_answers_of_their_own(tmp_path: Path) -> None:
    events = rows_of(products.fastchat(LOG, tmp_path))
    longer = json.loads(json.dumps(events[0]))
    longer["state"]["messages"] += [["USER", "And?"], ["ASSISTANT", "That is all."]]
    log = read_log(lines(tmp_path / "turns.json", [*events, longer]))
    assert log.conversations[-1].prompt == (("user", LOG[0].prompt), ("assistant", LOG[0].response), ("user", "And?"))
    assert log.conversations[-1].response == "That is all."
