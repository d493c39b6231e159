"""Reading a good log; what bad ones get is in test_bad_logs.py."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from probrm.data import Conversation, LogSpec, read_log

CHAT = [{"role": "system", "content": "be brief"}, {"role": "user", "content": "hi"}]


@pytest.mark.parametrize("name", ["log.parquet", "log.csv", "log.jsonl.gz"])
def test_a_good_log(save: Callable[..., str], rows: dict[str, list[Any]], name: str):
    log = read_log(save(name), LogSpec(propensity_features=("hour", "surface", "night")))
    assert len(log) == 60
    assert log.conversations[3] == Conversation("What is 3 + 1?", "It is 4.")
    assert log.action is not None
    assert log.action.dtype == np.float32
    assert log.action.tolist() == rows["action"]
    assert log.user is not None
    assert log.user.tolist() == rows["user_id"]
    assert log.weight.tolist() == [1.0] * 60
    assert log.label is None
    assert log.true_probability is None
    assert log.row_id.tolist() == [str(i) for i in range(60)]
    assert log.rows.tolist() == list(range(60))
    assert log.propensity["hour"].tolist() == rows["hour"]
    assert log.propensity["surface"].tolist() == rows["surface"]
    assert log.propensity["night"].dtype == bool
    assert log.reward.shape == (60, 0)
    assert log.table.num_rows == 60
    assert log.notes == []


@pytest.mark.parametrize(
    "values", [[True, False, True], ["true", "False", " TRUE "], ["1", "0", "1"], [1.0, 0.0, 1.0], ["1.0", "0.0", "1"]]
)
def test_forms_of_an_action(save: Callable[..., str], values: list[Any]):
    log = read_log(save(action=values * 20))
    assert log.action is not None
    assert log.action[:3].tolist() == [1, 0, 1]


def test_columns_are_renamed_and_others_are_said_to_be_ignored(save: Callable[..., str], rows: dict[str, list[Any]]):
    path = save(prompt=None, question=rows["prompt"], action=None, copied=rows["action"], model=["m"] * 60)
    log = read_log(path, LogSpec(columns={"prompt": "question", "action": "copied"}, reward_features=("hour",)))
    assert log.conversations[0].prompt == "What is 0 + 1?"
    assert log.reward["hour"].tolist() == rows["hour"]
    assert log.notes == ["ignored columns: surface, night, model; name them with --propensity-features or --reward-features to use them"]


def test_an_empty_name_switches_a_native_column_off(save: Callable[..., str]):
    log = read_log(save(id=[1] * 60, label=list(range(60))), LogSpec(columns={"id": "", "label": "", "user_id": ""}))
    assert log.label is None
    assert log.user is None
    assert log.row_id[59] == "59"


def test_optional_columns(save: Callable[..., str]):
    label = [1, 0, None] * 20
    path = save(
        label=label, weight=[0.5, 2.0] * 30, id=[f"r{i}" for i in range(60)], true_probability=[0.25] * 60, user_id=[7.0, None] * 30
    )
    log = read_log(path)
    assert log.label is not None
    assert log.label[:2].tolist() == [1, 0]
    assert np.isnan(log.label[2])
    assert log.weight[:2].tolist() == [0.5, 2.0]
    assert log.row_id[1] == "r1"
    assert log.true_probability is not None
    assert log.true_probability.tolist() == [0.25] * 60
    assert log.user is not None
    assert log.user[:4].tolist() == ["7", "(unknown)", "7", "(unknown)"]
    assert any("empty in 30 rows: one anonymous group" in note for note in log.notes)


def test_names_of_users_stay_as_written_in_a_csv(save: Callable[..., str]):
    log = read_log(save("log.csv", user_id=["007", "012"] * 30))
    assert log.user is not None
    assert log.user[:2].tolist() == ["007", "012"]


def test_answers_that_are_numbers_stay_as_written_in_a_csv(save: Callable[..., str]):
    assert read_log(save("log.csv", response=["7.50"] * 60)).conversations[0].response == "7.50"


def test_rows_that_were_not_shown_are_dropped_and_counted(save: Callable[..., str]):
    path = save(shown=[0, 1, 1, 1, 1, 1] * 10, action=[None, 1, 0, 0, 1, 0] * 10)
    log = read_log(path)
    assert log.rows[:3].tolist() == [1, 2, 3]
    assert log.row_id[0] == "1"
    assert log.notes[0] == "dropped: 10 of 60 rows were not shown (shown = 0)"
    assert len(read_log(path, require=(), drop_unshown=False)) == 60


def test_a_few_empty_or_non_text_rows_are_dropped_and_counted(save: Callable[..., str], rows: dict[str, list[Any]]):
    prompts = [None, "  \n", *rows["prompt"][2:]]
    responses = [*rows["response"][:58], "", "x"]
    log = read_log(save(prompt=prompts, response=responses, id=[None, None, *range(58)]), LogSpec(propensity_features=("hour",)))
    assert log.rows.tolist() == [*range(2, 58), 59]
    assert log.propensity["hour"].tolist() == [*rows["hour"][2:58], rows["hour"][59]]
    assert log.row_id[0] == "0"
    assert log.notes[0] == "dropped: 3 of 60 rows have an empty or non-text prompt or response (the first is row 1)"
    mixed = save("log.jsonl", response=[5, *rows["response"][1:]])
    assert read_log(mixed).rows[0] == 1


def test_a_single_user_is_noted_and_not_used_when_fitting(save: Callable[..., str]):
    path = save(user_id=["ann"] * 60)
    log = read_log(path)
    assert log.user is None
    assert any("a single user, 'ann'" in note for note in log.notes)
    scored = read_log(path, require=()).user
    assert scored is not None
    assert scored[0] == "ann"


def test_constant_covariates_are_left_out_when_fitting_only(save: Callable[..., str]):
    path, spec = save(surface=["web"] * 60), LogSpec(propensity_features=("surface", "hour"), derive=("code_block",))
    log = read_log(path, spec)
    assert list(log.propensity.columns) == ["hour"]
    assert "covariate 'surface' has the same value in every row and is left out" in log.notes
    assert list(read_log(path, spec, require=()).propensity.columns) == ["surface", "hour", "code_block"]


def test_a_covariate_in_both_heads_is_noted(save: Callable[..., str]):
    log = read_log(save(), LogSpec(propensity_features=("hour", "night"), reward_features=("hour",)))
    assert any("covariates in both heads: hour;" in note for note in log.notes)


def test_missing_texts_of_a_covariate_are_a_category(save: Callable[..., str], rows: dict[str, list[Any]]):
    log = read_log(save(surface=[None, "", *rows["surface"][2:]]), LogSpec(propensity_features=("surface",)))
    assert log.propensity["surface"].tolist()[:3] == ["(missing)", "(missing)", "web"]
    assert any("missing in 2 rows" in note for note in log.notes)


def test_without_an_action_a_file_can_be_scored_but_not_fitted(save: Callable[..., str]):
    log = read_log(save(action=None), require=())
    assert log.action is None
    spoiled = read_log(save(action=["yes"] * 60, label=[3] * 60, weight=[-1.0] * 60), require=())
    assert spoiled.action is None
    assert spoiled.label is None
    assert spoiled.weight.tolist() == [1.0] * 60
    assert any(note.startswith("not used as action: row 1, column 'action': found 'yes'") for note in spoiled.notes)


def test_ten_rows_can_be_scored(save: Callable[..., str], rows: dict[str, list[Any]]):
    ten = {name: values[:10] for name, values in rows.items()}
    assert len(read_log(save(**ten), require=(), min_rows=1)) == 10


# Chats


def write_chats(path: Any, prompts: Any, rows: dict[str, list[Any]], *, name: str = "prompt", response: bool = True) -> str:
    columns = {name: prompts, "action": rows["action"]} | ({"response": rows["response"]} if response else {})
    pq.write_table(pa.table(columns), path)
    return str(path)


@pytest.mark.parametrize("form", ["list", "large_list", "json"])
@pytest.mark.parametrize("name", ["prompt", "messages"])
def test_chats_as_lists_and_as_json(tmp_path: Any, rows: dict[str, list[Any]], form: str, name: str):
    prompts = [CHAT, *[[{"role": "user", "content": text}] for text in rows["prompt"][1:]]]
    kind = pa.struct([("role", pa.string()), ("content", pa.string())])
    if form == "json":
        column: Any = [json.dumps(chat) for chat in prompts]
    else:
        whole = pa.array(prompts, pa.list_(kind) if form == "list" else pa.large_list(kind))
        column = pa.chunked_array([whole.slice(0, 7), whole.slice(7)])
    log = read_log(write_chats(tmp_path / "c.parquet", column, rows, name=name))
    assert log.conversations[0] == Conversation((("system", "be brief"), ("user", "hi")), "It is 1.")
    assert log.conversations[59] == Conversation((("user", "What is 59 + 1?"),), "It is 60.")


def test_chats_in_json_lines(tmp_path: Any, rows: dict[str, list[Any]]):
    path = tmp_path / "c.jsonl"
    lines = [json.dumps({"messages": CHAT, "response": r, "action": a}) for r, a in zip(rows["response"], rows["action"], strict=True)]
    path.write_text("\n".join(lines))
    assert read_log(str(path)).conversations[0].prompt == (("system", "be brief"), ("user", "hi"))


@pytest.mark.parametrize("name", ["prompt", "messages"])
def test_the_last_message_is_the_response_where_there_is_no_column(tmp_path: Any, rows: dict[str, list[Any]], name: str):
    chats = [[*CHAT, {"role": "assistant", "content": text}] for text in rows["response"]]
    chats[4] = CHAT
    log = read_log(write_chats(tmp_path / "c.parquet", chats, rows, name=name, response=False))
    assert log.conversations[0] == Conversation((("system", "be brief"), ("user", "hi")), "It is 1.")
    assert log.rows.tolist() == [0, 1, 2, 3, *range(5, 60)]


def test_a_chat_that_ends_in_the_response_is_cut(tmp_path: Any, rows: dict[str, list[Any]]):
    chats = [[*CHAT, {"role": "assistant", "content": text}] for text in rows["response"]]
    log = read_log(write_chats(tmp_path / "c.parquet", chats, rows))
    assert log.conversations[0].prompt == (("system", "be brief"), ("user", "hi"))


def test_chats_without_words_are_unusable(tmp_path: Any, rows: dict[str, list[Any]]):
    chats: list[Any] = [CHAT] * 60
    chats[:3] = [None, [], [{"role": "user", "content": " "}]]
    chats[3] = [{"role": "assistant", "content": None}, {"role": "user", "content": "hi"}]
    log = read_log(write_chats(tmp_path / "c.parquet", chats, rows))
    assert log.rows[0] == 3
    assert log.conversations[0].prompt == (("assistant", ""), ("user", "hi"))


def test_texts_that_merely_look_like_a_chat_stay_text(save: Callable[..., str], rows: dict[str, list[Any]]):
    odd = ['[{"a": 1}]', "[{'role': 'user'}]", "[{", '[{"role": "user", "content": 5}]']
    log = read_log(save(prompt=[*odd, *rows["prompt"][4:]]))
    assert [c.prompt for c in log.conversations[:4]] == odd


def test_prompt_goes_before_messages_unless_messages_are_named(tmp_path: Any, rows: dict[str, list[Any]]):
    path = tmp_path / "c.parquet"
    pq.write_table(pa.table({**{k: rows[k] for k in ("prompt", "response", "action")}, "messages": [CHAT] * 60}), path)
    assert isinstance(read_log(str(path)).conversations[0].prompt, str)
    assert isinstance(read_log(str(path), LogSpec(columns={"messages": "messages"})).conversations[0].prompt, tuple)


def test_categories_of_pandas_are_text(tmp_path: Any, rows: dict[str, list[Any]]):
    frame = pd.DataFrame(rows).astype({"prompt": "category", "surface": "category", "user_id": "category"})
    frame.to_parquet(tmp_path / "c.parquet")
    log = read_log(str(tmp_path / "c.parquet"), LogSpec(propensity_features=("surface",)))
    assert log.conversations[1].prompt == "What is 1 + 1?"
    assert log.propensity["surface"].tolist() == rows["surface"]
    assert log.user is not None
    assert log.user[0] == "u0"
