from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pytest

from probrm.data import PairSpec, read_pairs
from probrm.data.pairs.nested import column_at, heads, holds_path
from probrm.errors import DataError

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
        ("sides.0.text", ["a", "c"]),
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


NAMED = {
    "a pair": ("prompt=in.q,chosen=out[0].text,rejected=out.1.text", {}),
    "a choice": ("prompt=in.q,response_0=out[0].text,response_1=out[1].text,choice=by.said", {"by": {"said": "a"}}),
    "two texts": ("prompt=about+in.q,chosen=out[0].text,rejected=out[1].text", {"about": "Be brief."}),
}


@pytest.mark.parametrize(("columns", "more"), NAMED.values(), ids=NAMED)
@pytest.mark.parametrize("as_text", [False, True])
def test_paths_in_columns_that_are_named(columns: str, more: dict[str, object], as_text: bool, tmp_path: Path) -> None:
    rows = [{"in": {"q": f"Q{i}"}, "out": [{"text": f"good {i}"}, {"text": f"bad {i}"}], **more} for i in range(20)]
    written = [{k: json.dumps(v) if as_text and isinstance(v, dict | list) else v for k, v in row.items()} for row in rows]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, written)))
    spec = PairSpec(columns=dict(part.split("=") for part in columns.split(",")))
    pairs = read_pairs(str(tmp_path / "a.jsonl"), spec)
    asked = "Be brief.\n\n" if "about" in more else ""
    assert [(c.prompt, c.response, r.response) for c, r in zip(pairs.chosen, pairs.rejected, strict=True)] == [
        (f"{asked}Q{i}", f"good {i}", f"bad {i}") for i in range(20)
    ]
    with pytest.raises(DataError, match=r"there is no column 'in\.k' \(named for 'prompt'\)"):
        read_pairs(str(tmp_path / "a.jsonl"), PairSpec(columns={**spec.columns, "prompt": "in.k"}))


def test_the_columns_that_a_path_needs() -> None:
    assert heads("info.post|info.article") == ["info.post|info.article", "info", "info"]
    assert heads("ask+more") == ["ask+more", "ask", "more"]
