"""Each bad log gets one DataError that names the place, the value found, what is allowed, and how to correct it."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Any

import pytest

from probrm.data import LogSpec, read_log
from probrm.errors import DataError

Save = Callable[..., str]


def refused(path: str, spec: LogSpec | None = None, **options: Any) -> DataError:
    with pytest.raises(DataError) as caught:
        read_log(path, spec, **options)
    assert caught.value.what.startswith(path)
    assert "\n" not in caught.value.what + caught.value.fix
    return caught.value


def test_missing_column_suggests_what_it_is_often_called(save: Save, rows: dict[str, list[Any]]):
    error = refused(save(prompt=None, question=rows["prompt"]))
    assert "there is no column 'prompt'; found: response, action" in error.what
    assert "--columns prompt=question" in error.fix


def test_missing_column_suggests_the_closest_name(save: Save, rows: dict[str, list[Any]]):
    error = refused(save(action=None, acton=rows["action"]))
    assert "there is no column 'action'" in error.what
    assert "--columns action=acton" in error.fix


def test_missing_column_without_a_likely_name(save: Save):
    assert refused(save(response=None)).fix == "say which column it is: --columns response=NAME"


def test_missing_label_where_it_is_required(save: Save):
    assert "there is no column 'label'" in refused(save(), require=("label",)).what
    assert "no row has a label" in refused(save(label=[None] * 60), require=("label",)).what


def test_a_renamed_column_that_is_not_there(save: Save, rows: dict[str, list[Any]]):
    error = refused(save(action=None, copied=rows["action"]), LogSpec(columns={"action": "copyed"}))
    assert "there is no column 'copyed' (named for 'action')" in error.what
    assert "--columns action=copied" in error.fix


def test_the_published_log_without_its_preset(save: Save):
    assert "--preset realhumaneval" in refused(save(prompt=None, request=["[]"] * 60, copy_events=["[]"] * 60)).fix


@pytest.mark.parametrize("name", ["log.parquet", "log.csv", "log.jsonl"])
@pytest.mark.parametrize(
    ("value", "found"), [(2, "found 2"), (0.5, "found 0.5"), ("yes", "found 'yes'"), (None, "it is missing"), (-1, "found -1")]
)
def test_an_action_that_is_neither_0_nor_1(save: Save, rows: dict[str, list[Any]], name: str, value: Any, found: str):
    actions = [*rows["action"]]
    if isinstance(value, str) and name == "log.parquet":
        actions = [str(a) for a in actions]
    actions[16] = value
    error = refused(save(name, action=actions))
    if name == "log.csv" and value == 2:
        assert error.what.endswith("log.csv, row 17, column 'action': found 2; allowed: 0, 1, true, false")
    assert f"row 17, column 'action': {found}" in error.what.replace("found '2'", "found 2").replace("found nan", "it is missing")
    assert "--columns action=" in error.fix


def test_stars_as_an_action(save: Save, rows: dict[str, list[Any]]):
    error = refused(save(action=[i % 5 + 1 for i in range(len(rows["action"]))]))
    assert error.fix.startswith("levels such as 1 to 5 stars are ordered: --actions action:ordinal; ")


def test_an_action_of_another_kind(save: Save):
    assert "column 'action': holds list" in refused(save(action=[[1]] * 60)).what


@pytest.mark.parametrize("value", [0, 1])
def test_all_actions_equal(save: Save, value: int):
    error = refused(save(action=[value] * 60))
    assert f"the action is {value} in all 60 rows" in error.what


@pytest.mark.parametrize(("value", "found"), [(float("nan"), "it is missing"), (float("inf"), "found inf"), (-float("inf"), "found -inf")])
@pytest.mark.parametrize("name", ["log.parquet", "log.csv"])
@pytest.mark.parametrize("head", ["propensity_features", "reward_features"])
def test_a_covariate_that_is_not_finite(save: Save, rows: dict[str, list[Any]], value: float, found: str, name: str, head: str):
    hours = [*rows["hour"]]
    hours[4] = value
    error = refused(save(name, hour=hours), LogSpec.from_dict({head: ["hour"]}))
    assert f"row 5, column 'hour': {found}; allowed: finite numbers" in error.what
    assert f"--{head.replace('_', '-')}" in error.fix


def test_nan_written_as_such_in_a_parquet(tmp_path: Any, rows: dict[str, list[Any]]):
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({**rows, "hour": [float("nan"), *rows["hour"][1:]]}), tmp_path / "n.parquet")
    assert "row 1, column 'hour': found nan" in refused(str(tmp_path / "n.parquet"), LogSpec(propensity_features=("hour",))).what


@pytest.mark.parametrize(
    ("value", "kind"), [(datetime.datetime(2024, 2, 29, 12), "timestamp"), ([1, 2], "list"), ({"a": 1}, "struct"), (b"x", "binary")]
)
def test_a_covariate_of_another_kind(save: Save, value: Any, kind: str):
    error = refused(save(when=[value] * 60), LogSpec(propensity_features=("when",)))
    assert f"column 'when': holds {kind}" in error.what
    assert "allowed: numbers, booleans or text" in error.what


def test_a_covariate_that_is_not_there(save: Save):
    error = refused(save(), LogSpec(propensity_features=("surfce",)))
    assert "there is no column 'surfce' (named with --propensity-features)" in error.what
    assert error.fix == "did you mean 'surface'?"


@pytest.mark.parametrize("name", ["action", "label", "true_probability"])
def test_what_is_to_be_explained_is_no_covariate(save: Save, name: str):
    error = refused(save(label=[1, 0] * 30, true_probability=[0.5] * 60), LogSpec(reward_features=(name,)))
    assert f"it is the {name.replace('_', ' ')} and cannot be a covariate" in error.what


def test_a_category_of_too_many_levels(save: Save, rows: dict[str, list[Any]]):
    path, spec = save(person=rows["prompt"]), LogSpec(propensity_features=("person",))
    error = refused(path, spec)
    assert "column 'person': 60 different texts" in error.what
    assert "--columns user_id=person" in error.fix
    assert len(read_log(path, spec, require=())) == 60  # new levels at scoring are counted, not refused


@pytest.mark.parametrize("name", ["log.parquet", "log.csv"])
def test_duplicate_ids_name_both_rows(save: Save, name: str):
    ids = [f"r{i}" for i in range(60)]
    ids[30] = ids[7]
    error = refused(save(name, id=ids))
    assert "rows 8 and 31, column 'id': both are 'r7'" in error.what


def test_an_id_that_is_missing(save: Save):
    assert "row 2, column 'id': it is missing" in refused(save(id=["a", None, *map(str, range(58))])).what


def test_mostly_empty_texts(save: Save, rows: dict[str, list[Any]]):
    error = refused(save(response=["", *rows["response"][1:40], *[" "] * 20]))
    assert "21 of 60 rows have an empty or non-text prompt or response (the first is row 1); allowed: at most 20 %" in error.what


def test_exactly_a_fifth_is_a_few(save: Save, rows: dict[str, list[Any]]):
    assert len(read_log(save(response=[*rows["response"][:48], *[None] * 12]), min_rows=48)) == 48
    refused(save(response=[*rows["response"][:47], *[None] * 13]), min_rows=1)


def test_texts_that_are_numbers(save: Save):
    error = refused(save(response=list(range(60))))
    assert "column 'response': holds int64; allowed: text" in error.what


def test_mostly_numbers_among_texts(save: Save):
    assert "45 of 60 rows" in refused(save("log.jsonl", response=["x", 1, 2.5, True] * 15)).what


def test_a_column_of_nothing(save: Save):
    assert "60 of 60 rows" in refused(save("log.csv", prompt=[None] * 60)).what
    assert "60 of 60 rows" in refused(save(prompt=[None] * 60)).what


def test_chats_without_role_and_content(save: Save):
    error = refused(save(prompt=[[{"who": "user", "text": "hi"}]] * 60))
    assert "allowed: text, or lists of {role, content}" in error.what


def test_messages_that_are_no_chats(save: Save):
    assert "60 of 60 rows" in refused(save(prompt=None, messages=["hi"] * 60)).what


def test_ten_rows(save: Save, rows: dict[str, list[Any]]):
    error = refused(save(**{name: values[:10] for name, values in rows.items()}))
    assert "10 usable rows; at least 50 are needed" in error.what


def test_too_few_rows_after_dropping_says_why(save: Save):
    error = refused(save(shown=[1] * 20 + [0] * 40))
    assert "20 usable rows; at least 50 are needed (dropped: 40 of 60 rows were not shown (shown = 0))" in error.what


@pytest.mark.parametrize("value", [2, None, "maybe"])
def test_shown_that_is_neither_0_nor_1(save: Save, value: Any):
    shown: list[Any] = [1] * 60 if not isinstance(value, str) else ["1"] * 60
    shown[3] = value
    assert "row 4, column 'shown'" in refused(save(shown=shown)).what


@pytest.mark.parametrize("value", [3, -1, 0.5])
def test_a_label_that_is_no_verdict(save: Save, value: float):
    labels: list[Any] = [1, 0, None] * 20
    labels[5] = value
    error = refused(save(label=labels))
    assert f"row 6, column 'label': found {value}; allowed: 0, 1, true, false, or missing" in error.what
    assert error.fix.endswith("--columns label=")


@pytest.mark.parametrize("value", [0.0, -1.0, float("inf"), None])
def test_a_weight_that_is_not_positive(save: Save, value: float | None):
    assert "row 1, column 'weight'" in refused(save(weight=[value, *[1.0] * 59])).what


def test_a_weight_in_words(save: Save):
    assert "column 'weight': holds" in refused(save(weight=["much"] * 60)).what


def test_a_probability_above_one(save: Save):
    assert (
        "row 2, column 'true_probability': found 1.5; allowed: numbers from 0 to 1" in refused(save(true_probability=[0.5, 1.5] * 30)).what
    )


def test_users_that_are_no_names(save: Save):
    assert "column 'user_id': holds list" in refused(save(user_id=[["a"]] * 60)).what
