"""What cells say: texts, chats and several answers, whatever the type of the column."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from probrm.data.columns.said import Several, read_said
from probrm.data.columns.texts import read_answers
from probrm.data.columns.values import Cells
from probrm.errors import DataError

PARTS = [{"type": "text", "text": "a"}, {"type": "image", "text": None}]
CHAT = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]


def cells(values: list[Any]) -> Cells:
    return Cells.of("f", "c", pa.chunked_array([pa.array(values)]), np.arange(len(values)))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("a", "a"),
        (" ", None),
        (CHAT, (("user", "q"), ("assistant", "a"))),
        ([{"from": "human", "value": "q"}], (("user", "q"),)),
        ({"from": "gpt", "value": "a"}, (("assistant", "a"),)),
        ([{"role": "assistant", "content": PARTS}], (("assistant", "a"),)),
        (PARTS, "a"),
        (["a"], "a"),
        (["a", "b"], Several(("a", "b"))),
        ([CHAT[1:], CHAT[1:]], Several(((("assistant", "a"),), (("assistant", "a"),)))),
        ([], None),
    ],
)
@pytest.mark.parametrize("as_text", [False, True])
def test_cells_and_the_same_as_json_text(value: Any, expected: Any, as_text: bool) -> None:
    if as_text and isinstance(value, str):
        return
    assert read_said(cells([json.dumps(value) if as_text else value] * 2), "text", []) == [expected] * 2 or (as_text and value == [])


def test_mixed_cells_that_a_reader_wrote_as_json_text() -> None:
    found = read_said(cells([json.dumps(CHAT[1:]), "plain", json.dumps(PARTS), '["kept"]']), "text", notes := [])
    assert found == [(("assistant", "a"),), "plain", "a", '["kept"]']
    assert notes == ["column 'c': content parts without text are left out: 1 of type image"]


@pytest.mark.parametrize(
    "text", ['[{"a": 1}]', '{"role": "admin", "text": "x"}', "[1, 2]", '{"type": "text"', '[{"type": "circle", "r": 2}]']
)
def test_answers_that_are_json_stay_text(text: str) -> None:
    assert read_said(cells([text, "b", "c"]), "text", []) == [text, "b", "c"]


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ([[CHAT[0]], [{"role": "critic", "content": "x"}]], "row 2, column 'c': found the role 'critic'; allowed: user (human, prompter)"),
        ([json.dumps(CHAT[:1]), json.dumps([*CHAT, {"role": "critic", "content": "x"}])], "row 2, column 'c': found the role 'critic'"),
        ([json.dumps([{"role": "critic", "content": "x"}])] * 2, "row 1, column 'c': found the role 'critic'"),
        (
            [[{"role": "user", "content": [{"type": "hologram", "text": None}]}]],
            "row 1, column 'c': found a content part of type 'hologram'",
        ),
        ([[{"who": "me", "said": "x"}]], "row 1, column 'c': found"),
        ([5, 6], "column 'c': holds int64; allowed: text"),
        ([[5, 6]], "column 'c': holds list<item: int64>; allowed: text"),
        (["[{'role': 'user', 'content': 'x'}]"] * 2, "row 1, column 'c': found"),
    ],
)
def test_what_is_not_known_is_named_with_its_row(values: list[Any], told: str) -> None:
    with pytest.raises(DataError) as caught:
        read_said(cells(values), "text", [])
    assert told in caught.value.what


def test_one_text_among_lists_of_texts_is_noted() -> None:
    notes: list[str] = []
    values = ['["96"]', '["22"]', "plain", None]
    assert read_said(cells(values), "text", notes) == values
    (note,) = notes
    assert "2 of 3 cells are JSON lists" in note
    assert "row 3" in note
    assert read_said(cells(['["96"]', "plain", "more"]), "text", notes) == ['["96"]', "plain", "more"]
    assert len(notes) == 1


def test_answers() -> None:
    assert read_answers(cells([[CHAT[1]], [CHAT[1], {"role": "tool", "content": "t"}, CHAT[1]]]), notes=[]) == [
        "a",
        "a\n\ntool: t\n\nassistant: a",
    ]
    with pytest.raises(DataError, match=r"row 1, column 'c'.*allowed: messages of the assistant"):
        read_answers(cells([CHAT]), notes=[])
    with pytest.raises(DataError, match="found a list of 2 texts; allowed: one text"):
        read_answers(cells([["a", "b"]]), notes=[])
