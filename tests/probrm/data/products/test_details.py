"""What each product's reader leaves out, refuses or says, one product after the other."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from probrm.data import LogSpec, read_log
from probrm.data.products.contents import text_or_none
from probrm.data.products.joining import places
from probrm.errors import DataError
from tests import products
from tests.products import lines, listed

LOG = products.synthetic_log()


def refused(source: str, spec: LogSpec | None = None, **options: Any) -> DataError:
    with pytest.raises(DataError) as caught:
        read_log(source, spec, **options)
    assert "\n" not in caught.value.what + caught.value.fix
    return caught.value


def rows_of(path: str) -> list[dict[str, Any]]:
    text = Path(path).read_text()
    return json.loads(text) if text.lstrip().startswith("[") else [json.loads(line) for line in text.splitlines()]


# ---- Langfuse


def write_langfuse(folder: Path, observations: products.Rows, scores: products.Rows) -> str:
    lines(folder / "observations_v2" / "a.jsonl", observations)
    lines(folder / "scores" / "a.jsonl", scores)
    return str(folder)


def test_langfuse_says_what_it_left_out_and_counted_once(tmp_path: Path) -> None:
    notes = read_log(products.langfuse(LOG, tmp_path)).notes
    assert "dropped: 1 rows of observations_v2 are written twice (edges of the export's windows)" in notes
    assert "left out: 1 scores by evaluators (source EVAL: hallucination); name them to use them" in notes


def test_langfuse_scores_by_evaluators_when_they_are_named(tmp_path: Path) -> None:
    scores = products.langfuse_scores(LOG)
    judge = [{**scores[-1], "id": f"j{one.id}", "trace_id": f"t{one.id}", "value": float(i % 3)} for i, one in enumerate(LOG)]
    source = write_langfuse(tmp_path, products.langfuse_observations(LOG), [*scores[:-1], *judge])
    log = read_log(source, LogSpec(actions=("thumb:thumb", "hallucination:ordinal")))
    assert log.actions is not None
    assert log.actions["hallucination"].tolist() == [float(i % 3) for i in range(60)]
    assert list(read_log(source).actions or {}) == ["thumb:up", "thumb:down"]


def test_langfuse_without_texts_is_refused(tmp_path: Path) -> None:
    bare = [{k: v for k, v in row.items() if k not in ("input", "output")} for row in products.langfuse_observations(LOG)]
    error = refused(write_langfuse(tmp_path, bare, products.langfuse_scores(LOG)))
    assert "the observations have no texts" in error.what
    assert "io" in error.fix


def test_langfuse_of_which_a_file_is_missing(tmp_path: Path) -> None:
    source = products.langfuse(LOG, tmp_path)
    next(Path(source).glob("observations_v2/*-30-00.jsonl")).unlink()
    assert "observations_v2/2026-11-01T00-30-00.jsonl, which is not there: the export is incomplete" in refused(source).what


def test_langfuse_scores_alone_are_no_log(tmp_path: Path) -> None:
    error = refused(lines(tmp_path / "scores.jsonl", products.langfuse_scores(LOG)))
    assert "no observations or traces" in error.what


def test_langfuse_scores_of_another_project(tmp_path: Path) -> None:
    other = [{**row, "trace_id": f"x{row['trace_id']}"} for row in products.langfuse_scores(LOG)]
    assert "none of the" in refused(write_langfuse(tmp_path, products.langfuse_observations(LOG), other)).what


def test_langfuse_joins_by_observation_then_trace_then_session(tmp_path: Path) -> None:
    first = products.langfuse_scores(LOG)[0] | {"value": 1.0}
    scores = [
        {**first, "id": "a", "observation_id": "om1", "trace_id": "tm1"},
        {**first, "id": "b", "trace_id": "tm2"},
        {**first, "id": "c", "trace_id": None, "session_id": "c3"},
    ]
    log = read_log(write_langfuse(tmp_path, products.langfuse_observations(LOG), scores))
    assert log.action is not None
    assert np.flatnonzero(log.action).tolist() == [1, 2, 3]


def test_langfuse_a_score_of_a_generation_makes_generations_the_answers(tmp_path: Path) -> None:
    score = products.langfuse_scores(LOG)[0] | {"value": 1.0, "observation_id": "gm1", "trace_id": "tm1"}
    log = read_log(write_langfuse(tmp_path, products.langfuse_observations(LOG), [score]))
    assert log.action is not None
    assert np.flatnonzero(log.action).tolist() == [1]
    assert log.conversations[1].prompt == (("system", "Be brief."), ("user", LOG[1].prompt))


def test_langfuse_the_last_score_of_an_answer_counts(tmp_path: Path) -> None:
    scores = products.langfuse_scores(LOG)
    again = {**scores[0], "id": "again", "value": 0.0, "timestamp": "2026-12-01T00:00:00Z"}
    log = read_log(write_langfuse(tmp_path, products.langfuse_observations(LOG), [again, *scores]))
    assert log.actions is not None
    assert log.actions["thumb:down"][0] == 1
    assert log.actions["thumb:up"][0] == 0


def test_langfuse_one_page_of_the_api_is_cut_off(tmp_path: Path) -> None:
    source = products.langfuse_v3(LOG, tmp_path)
    page = Path(source) / "scores" / "page.json"
    page.write_text(json.dumps({**json.loads(page.read_text()), "meta": {"cursor": "next"}}))
    found = read_log(source).exposures
    assert found is not None
    assert found.verdict == "truncated"


def test_langfuse_annotations_are_those_of_annotators(tmp_path: Path) -> None:
    scores = [{**row, "source": "ANNOTATION"} for row in products.langfuse_scores(LOG)[:-1]]
    found = read_log(write_langfuse(tmp_path, products.langfuse_observations(LOG), scores)).exposures
    assert found is not None
    assert found.verdict == "annotators"


def test_several_kinds_of_feedback_must_be_chosen_from(tmp_path: Path) -> None:
    scores = products.langfuse_scores(LOG)[:-1]
    copied = [{**row, "id": f"c{i}", "name": "copied", "value": 1.0} for i, row in enumerate(scores)]
    source = write_langfuse(tmp_path, products.langfuse_observations(LOG), [*scores, *copied])
    error = refused(source)
    assert "there are 2 kinds of feedback: thumb (thumb), copied (binary)" in error.what
    assert "--actions thumb:thumb,copied:binary" in error.fix
    assert "--actions" not in refused(source, several=False).fix
    log = read_log(source, LogSpec(columns={"action": "copied"}))
    assert log.action is not None
    assert log.action.tolist() == [float(bool(one.thumb)) for one in LOG]
    assert list(read_log(source, LogSpec(actions=("thumb:thumb", "copied"))).actions or {}) == ["thumb:up", "thumb:down", "copied"]


# ---- LangSmith, Phoenix


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


# ---- gateways


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


# ---- chats


def test_openwebui_choices_among_models_are_no_thumbs(tmp_path: Path) -> None:
    rows = rows_of(products.openwebui_feedback(LOG, tmp_path))
    rows[0]["meta"]["arena"] = True
    rows[1]["data"]["sibling_model_ids"] = ["other"]
    log = read_log(listed(tmp_path / "arena.json", rows))
    assert any("left out: 2 ratings given to one of several models side by side" in note for note in log.notes)
    asked = {c.prompt_text for c in log.conversations}
    assert not asked & {LOG[int(row["meta"]["message_id"][1:])].prompt for row in rows[:2]}


def test_openwebui_rated_messages_that_are_not_in_their_snapshot(tmp_path: Path) -> None:
    rows = rows_of(products.openwebui_feedback(LOG, tmp_path))
    for row in rows:
        row["meta"]["message_id"] = "gone"
    assert "none of the" in refused(listed(tmp_path / "gone.json", rows)).what


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


# ---- FastChat


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


@pytest.mark.parametrize(("value", "text"), [(None, None), ("", None), (float("nan"), None), ("u1", "u1"), (7, "7"), (0, "0")])
def test_a_value_that_says_nothing_is_no_text(value: object, text: str | None) -> None:
    """A user called "nan" would be one for all rows without a user."""
    assert text_or_none(value) == text
