from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from probrm.data.files.json_values import MAX_DEPTH, BrokenJson, Reader, depth_of, parse

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(VALUES)
@settings(max_examples=50, deadline=None)
def test_what_python_writes_is_read(value: object):
    assert parse(json.dumps(value)) == value
    assert parse(json.dumps(value, ensure_ascii=False)) == value


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{"a": 1, "a": 1}', "the key 'a' is there twice in one object"),
        ('{"b": [{"a": 1, "c": 2, "a": 2}]}', "the key 'a' is there twice in one object"),
        ('{"\\ud800": 1}', "half of a surrogate pair"),
        ("9" * 5000, "more digits than are read"),
        ('{"a": ' + "9" * 5000 + "}", "more digits than are read"),
        ("[" * 101 + "]" * 101, "nested 101 deep; allowed: 100"),
        ("[" * 50_000 + "]" * 50_000, "nested"),
        ("[" * 50_000, "nested"),
        ('{"a":' * 50_000, "nested"),
        ('{"a": 1} {"a": 2}', "Extra data"),
        ('{"a": 1,}', "Expecting"),
        ("[1,]", "Expecting"),
        ('{"a": 1 /* one */}', "Expecting"),
        ("{'a': 1}", "Expecting"),
        ('{"a": 1', "Expecting"),
        ("", "Expecting"),
        ("\ufeff1", "Expecting"),
    ],
)
def test_what_is_not_read(text: str, says: str):
    with pytest.raises(BrokenJson, match=says):
        parse(text)


def test_brackets_in_texts_are_no_depth():
    text = json.dumps({"code": '["\\' * 200, "more": ["}" * 200, "\\\\" + "[" * 200]})
    assert text.count("[") > MAX_DEPTH
    assert parse(text)["more"][0] == "}" * 200
    assert depth_of(text) == 2


@pytest.mark.parametrize("depth", [1, 99, 100])
def test_depth_that_is_read(depth: int):
    value = parse("[" * depth + "]" * depth)
    for _ in range(depth - 1):
        (value,) = value
    assert value == []


def test_halves_of_surrogate_pairs_become_question_marks():
    """JavaScript leaves them where it cuts a text within an emoji; whole pairs stay."""
    assert parse('{"a": ["x\\ud83d", "\\ud83d\\ude00", {"b": "\\udc00y"}]}') == {"a": ["x?", "😀", {"b": "?y"}]}


def test_what_is_read_is_counted():
    reader = Reader()
    assert reader.only('{"a": {"b": 1}, "c": [{"b": 2}, {"d": 3}]}')["c"][1] == {"d": 3}
    assert (reader.objects, reader.names) == (4, {"a", "b", "c", "d"})
    reader.reset()
    assert (reader.objects, reader.names) == (0, set())
