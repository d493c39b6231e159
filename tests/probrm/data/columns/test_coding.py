"""What values mean where the user says it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from probrm.config.flags import parse_values
from probrm.data import LogSpec, read_log
from probrm.data.columns.coding import parse_codes
from probrm.errors import ConfigError, DataError

Save = Callable[..., str]


def test_what_a_text_says() -> None:
    assert parse_codes(parse_values("up=1,down=0,null=0,-1=0,2.0=1,label:YES=1,x=null")) == {
        "up": 1.0,
        "down": 0.0,
        "null": 0.0,
        "-1": 0.0,
        "2": 1.0,
        "label:yes": 1.0,
        "x": None,
    }


@pytest.mark.parametrize(("text", "says"), [("up", "found 'up'"), ("up=1,up=0", "'up' is given twice"), ("up=", "found 'up='")])
def test_a_text_that_says_nothing(text: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        parse_values(text)


@pytest.mark.parametrize("target", ["one", "inf", "1e999"])
def test_a_value_means_a_number(target: str) -> None:
    with pytest.raises(ConfigError, match="allowed: a number, or null for missing"):
        LogSpec(values={"up": target})


@pytest.mark.parametrize("name", ["log.parquet", "log.csv", "log.jsonl"])
def test_words_of_an_action(save: Save, name: str) -> None:
    path = save(name, action=["up", "Down ", "LIKE"] * 20)
    log = read_log(path, LogSpec(values={"up": 1, "down": 0, "like": 1}))
    assert log.action is not None
    assert log.action[:3].tolist() == [1, 0, 1]


@pytest.mark.parametrize("name", ["log.parquet", "log.csv", "log.jsonl"])
@pytest.mark.parametrize(
    ("values", "codes"), [([1, 2, 2], {"1": 0, "2": 1}), ([True, False, False], {"true": 0, "false": 1}), ([-1, 0, 1], {"-1": 0})]
)
def test_numbers_and_booleans(save: Save, name: str, values: list[Any], codes: dict[str, float]) -> None:
    log = read_log(save(name, action=values * 20), LogSpec(values=codes))
    assert log.action is not None
    assert log.action[:3].tolist() == [codes.get(str(v).lower(), v) for v in values]


def test_a_word_that_was_not_named(save: Save) -> None:
    with pytest.raises(DataError) as caught:
        read_log(save(action=["up", "down", "meh"] * 20), LogSpec(values={"up": 1, "down": 0}))
    assert "row 3, column 'action': found 'meh'; allowed: up, down, 0, 1, true, false" in caught.value.what
    assert caught.value.fix == "say what it means: --values meh=0"


def test_missing_is_no_action_only_when_said(save: Save) -> None:
    path = save(action=[1.0, 0.0, None] * 20)
    with pytest.raises(DataError) as caught:
        read_log(path)
    assert "row 3, column 'action': " in caught.value.what
    assert "where missing means no action: --missing-action 0" in caught.value.fix
    for spec in (LogSpec(missing_action="0"), LogSpec(values={"null": 0})):
        log = read_log(path, spec)
        assert log.action is not None
        assert log.action[:3].tolist() == [1, 0, 0]
    assert "column 'action': missing in 20 of 60 rows, read as no action" in read_log(path, LogSpec(missing_action="0")).notes


@pytest.mark.parametrize("value", ["1", "no", ""])
def test_missing_means_nothing_else(value: str) -> None:
    with pytest.raises(ConfigError, match=r"missing action: found .*; allowed: 0"):
        LogSpec(missing_action=value)


def test_true_false_and_missing_are_thumbs_the_message_says(save: Save) -> None:
    with pytest.raises(DataError) as caught:
        read_log(save(action=[True, False, None] * 20))
    assert "--actions action:thumb" in caught.value.fix


def test_labels_have_the_same_codes(save: Save) -> None:
    log = read_log(save(label=["good", "bad", "unsure"] * 20), LogSpec(values={"good": 1, "bad": 0, "unsure": "null"}))
    assert log.label is not None
    np.testing.assert_array_equal(log.label[:3], [1, 0, np.nan])


def test_one_column_alone(save: Save) -> None:
    log = read_log(save(action=[2, 1, 2] * 20, label=[1, 0, 1] * 20), LogSpec(values={"action:2": 1, "action:1": 0}))
    assert log.label is not None
    assert log.action is not None
    assert log.label[:3].tolist() == [1, 0, 1]
    assert log.action[:3].tolist() == [1, 0, 1]


def test_labels_of_0_and_1_are_not_turned_round_by_the_codes_of_actions(save: Save) -> None:
    with pytest.raises(DataError) as caught:
        read_log(save(action=[2, 1, 2] * 20, label=[1, 0, 1] * 20), LogSpec(values={"2": 1, "1": 0}))
    assert "column 'label': it holds 0 and 1 already" in caught.value.what
    assert "--values action:1=0" in caught.value.fix


def test_a_label_of_minus_one_is_refused_with_the_way_out(save: Save) -> None:
    path = save(label=[-1, 0, 1] * 20)
    with pytest.raises(DataError) as caught:
        read_log(path, require=("label",))
    assert "--values label:-1=0,label:0=null" in caught.value.fix
    log = read_log(path, LogSpec(values={"label:-1": 0, "label:0": None}), require=("label",))
    assert log.label is not None
    np.testing.assert_array_equal(log.label[:3], [0, np.nan, 1])


def test_a_nested_column_has_no_values(save: Save) -> None:
    with pytest.raises(DataError, match="column 'action': holds struct"):
        read_log(save(action=[{"rating": 1}, {"rating": 0}] * 30), LogSpec(values={"up": 1}))
