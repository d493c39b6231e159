"""Thumbs in one column: two actions, one for and one against the answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from probrm.data import LogSpec, read_log
from probrm.errors import DataError

Save = Callable[..., str]


@pytest.mark.parametrize("name", ["log.parquet", "log.csv", "log.jsonl"])
@pytest.mark.parametrize(
    ("values", "text"),
    [
        ([1, 0, -1], "thumb"),
        ([1.0, 0.0, -1.0], "thumb"),
        ([1, None, -1], "thumb"),
        ([1, 0, -1], "thumb:thumb"),
        ([1, None, 0], "thumb:thumb"),
        ([True, None, False], "thumb:thumb"),
        (["up", None, "down"], "thumb:thumb"),
        (["thumbsUp", "", "thumbsDown"], "thumb:thumb"),
        (["up", None, "down"], "thumb"),
        (["Like", "", "dislike"], "thumb"),
    ],
)
def test_up_down_and_none(save: Save, name: str, values: list[Any], text: str) -> None:
    log = read_log(save(name, action=None, thumb=values * 20), LogSpec(actions=(text,)))
    assert log.actions is not None
    assert {k: v[:3].tolist() for k, v in log.actions.items()} == {"thumb:up": [1, 0, 0], "thumb:down": [0, 0, 1]}
    assert [(spec.column, spec.kind, spec.against) for spec in log.action_specs] == [
        ("thumb:up", "binary", False),
        ("thumb:down", "binary", True),
    ]
    assert any("read as thumbs, two actions: up in 20 rows, down in 20, none in 20" in note for note in log.notes)


def test_a_minus_turns_them_round(save: Save) -> None:
    log = read_log(save(thumb=[1, 0, -1] * 20), LogSpec(actions=("-thumb",)))
    assert [spec.against for spec in log.action_specs] == [True, False]


def test_the_levels_when_that_is_said(save: Save) -> None:
    log = read_log(save(thumb=[1, 0, -1] * 20), LogSpec(actions=("thumb:ordinal",)))
    assert log.action_specs[0].levels == ("-1", "0", "1")


def test_of_thumbs_with_a_zero_missing_is_not_observed(save: Save) -> None:
    path = save(thumb=[1, 0, -1, None] * 15)
    log = read_log(path, LogSpec(actions=("thumb",)))
    assert log.actions is not None
    np.testing.assert_array_equal(log.actions["thumb:up"][:4], [1, 0, 0, np.nan])
    assert any("not observed" in note for note in log.notes)
    log = read_log(path, LogSpec(actions=("thumb",), missing_action="0"))
    assert log.actions is not None
    np.testing.assert_array_equal(log.actions["thumb:up"][:4], [1, 0, 0, 0])


@pytest.mark.parametrize("text", ["thumb:binary", "thumb:thumb"])
def test_other_values(save: Save, text: str) -> None:
    with pytest.raises(DataError, match="row 3, column 'thumb': found 2"):
        read_log(save(thumb=[1, 0, 2] * 20), LogSpec(actions=(text,)))


def test_a_single_action_of_minus_one_says_what_it_may_be(save: Save) -> None:
    with pytest.raises(DataError) as caught:
        read_log(save(action=[1, 0, -1] * 20))
    assert "row 3, column 'action': found -1; allowed: 0, 1, true, false" in caught.value.what
    assert "thumbs of -1, 0 and 1 are read as two actions, up and down: --actions action" in caught.value.fix
    assert "--values -1=0" in caught.value.fix


def test_minus_one_under_a_stated_kind(save: Save) -> None:
    with pytest.raises(DataError, match="row 3, column 'thumb': found -1") as caught:
        read_log(save(thumb=[1, 0, -1] * 20), LogSpec(actions=("thumb:binary",)))
    assert "thumb:thumb" in caught.value.fix


def test_no_thumb_at_all(save: Save) -> None:
    with pytest.raises(DataError, match="no row has a thumb"):
        read_log(save(thumb=[None] * 60), LogSpec(actions=("thumb:thumb",)))


@pytest.mark.parametrize("words", [["up", None, "down"], ["like", "like", "dislike"]])
def test_words_as_a_single_action_are_refused_with_the_reading_that_keeps_thumbs_down(save: Save, words: list[Any]) -> None:
    with pytest.raises(
        DataError, match=r"fix: thumbs are read as two actions, .*: --actions action:thumb; .*takes a thumb down for no action"
    ):
        read_log(save(action=words * 20), LogSpec())


def test_other_words_are_no_thumbs(save: Save) -> None:
    with pytest.raises(DataError, match=r"fix: .*--values up=1,down=0") as caught:
        read_log(save(action=["copied", None, "closed"] * 20), LogSpec())
    assert ":thumb" not in str(caught.value)
