from __future__ import annotations

import json

import pyarrow as pa
import pytest

from probrm.data.pairs.nested import column_at, heads, holds_path

ROWS = [
    {"info": {"post": "p", "article": None}, "sides": [{"text": "a"}, {"text": "b"}], "ask": "q", "more": "", "info.x": 1},
    {"info": {"post": None, "article": "r"}, "sides": [{"text": "c"}], "ask": "s", "more": "t", "info.x": 2},
]


@pytest.mark.parametrize("as_text", [False, True])
@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("ask", ["q", "s"]),
        ("info.post", ["p", None]),
        ("info.post|info.article", ["p", "r"]),
        ("sides[0].text", ["a", "c"]),
        ("sides[1].text", ["b", None]),
        ("ask+more", ["q", "s\n\nt"]),
        ("ask+nothing", ["q", "s"]),
        ("info.x", [1, 2]),
    ],
)
def test_paths(path: str, expected: list[object], as_text: bool) -> None:
    rows = [{k: json.dumps(v) if as_text and isinstance(v, dict | list) else v for k, v in row.items()} for row in ROWS]
    table = pa.Table.from_pylist(rows)
    assert column_at(table, path).to_pylist() == expected
    assert holds_path(table, path)


@pytest.mark.parametrize("path", ["nothing", "info.title", "sides[2].text", "ask.text", "info.title|nothing"])
def test_paths_that_lead_nowhere(path: str) -> None:
    assert not holds_path(pa.Table.from_pylist(ROWS), path)


def test_the_columns_that_a_path_needs() -> None:
    assert heads("info.post|info.article") == ["info.post|info.article", "info", "info"]
    assert heads("ask+more") == ["ask+more", "ask", "more"]
