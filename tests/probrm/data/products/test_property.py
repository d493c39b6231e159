"""One log in every shape that is read: equal exposures, actions and texts, whatever is said in it."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from probrm.data import LogSpec, read_log
from tests import products
from tests.products import Shown

WORDS = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc"), include_characters="\n\t"), min_size=1, max_size=30)
# An empty text is no answer. People paste JSON into chats, and models answer in it.
JSON = st.sampled_from(
    [
        '{"answer": 42}',
        '{"text": "b"}',
        "[1, 2]",
        '["a", "b"]',
        "{",
        "[",
        "null",
        '{"a": {"output": "c"}}',
        '[{"x": 1}]',
        '"quoted"',
        "true",
        "12",
    ]
)
TEXTS = WORDS.map(lambda text: f"a {text}".rstrip()) | JSON


@st.composite
def logs(draw: st.DrawFn) -> list[Shown]:
    """Two to twelve answers, one up, one down and one of neither."""
    thumbs = [1, -1, 0, *draw(st.lists(st.sampled_from([-1, 0, 1]), max_size=9))]
    users = draw(st.lists(st.sampled_from(["ann", "bob", "007", "élise"]), min_size=len(thumbs), max_size=len(thumbs)))
    texts = [(draw(TEXTS), draw(TEXTS)) for _ in thumbs]
    return [
        Shown(f"m{i}", user, f"c{i}", prompt, response, thumb)
        for i, (user, (prompt, response), thumb) in enumerate(zip(users, texts, thumbs, strict=True))
    ]


def table(name: str, log: list[Shown], folder: Path) -> str:
    """A plain table of the same log."""
    rows = products.plain(log)
    write = {"parquet": products.parquet, "csv": products.as_csv, "json": products.listed}.get(name.rpartition(".")[2], products.lines)
    if name.startswith("parts"):
        for i, row in enumerate(rows):
            write(folder / "log" / f"user={i % 2}" / f"{i:02d}.{name.rpartition('.')[2]}", [row])
        return str(folder / "log")
    return write(folder / name, rows)


TABLES = [
    "log.jsonl",
    "log.jsonl.gz",
    "log.json",
    "log.parquet",
    "log.csv",
    "parts.parquet",
    "parts.jsonl",
    "nested.jsonl",
    "words.jsonl",
    "messages.jsonl",
]


def other(name: str, log: list[Shown], folder: Path) -> tuple[str, dict[str, Any]]:
    """Plain tables whose columns lie elsewhere."""
    rows = products.plain(log)
    if name == "nested.jsonl":
        found = [
            {"in": {"q": r["prompt"]}, "out": [{"text": r["response"]}], "who": {"id": r["user_id"]}, "fb": {"t": r["thumb"]}} for r in rows
        ]
        columns = {"prompt": "in.q", "response": "out.0.text", "user_id": "who.id"}
        return products.lines(folder / name, found), {"columns": columns, "actions": ("fb.t:thumb",)}
    if name == "words.jsonl":
        found = [{**r, "thumb": {1: "ace", -1: "poor", 0: None}[r["thumb"]]} for r in rows]
        return products.lines(folder / name, found), {"actions": ("thumb:thumb",), "values": {"ace": 1, "poor": -1}}
    if name == "messages.jsonl":
        found = [
            {
                "messages": [
                    {"role": "human", "content": [{"type": "text", "text": r["prompt"]}]},
                    {"role": "AI", "content": r["response"]},
                ],
                "user_id": r["user_id"],
                "thumb": r["thumb"],
            }
            for r in rows
        ]
        return products.lines(folder / name, found), {"actions": ("thumb",)}
    return table(name, log, folder), {"actions": ("thumb",)}


def read(source: str, spec: LogSpec) -> list[tuple[str, str, float, float, str]]:
    """Prompt, response, up, down and user of each answer, in any order."""
    log = read_log(source, spec, min_rows=1)
    assert log.actions is not None
    up, down = (next(v for k, v in log.actions.items() if k.endswith(end)) for end in (":up", ":down"))
    users = [""] * len(log) if log.user is None else log.user
    return sorted(
        (c.prompt_text, c.response, float(u), float(d), str(who)) for c, u, d, who in zip(log.conversations, up, down, users, strict=True)
    )


def truth(log: list[Shown]) -> list[tuple[str, str, float, float, str]]:
    single = len({one.user for one in log}) == 1  # is not used
    return sorted((one.prompt, one.response, float(one.thumb == 1), float(one.thumb == -1), "" if single else str(one.user)) for one in log)


@pytest.mark.parametrize("name", [*(name for name in products.RENDER if name != "openwebui-feedback"), *TABLES])
@given(log=logs())
@settings(max_examples=12)
def test_every_shape_gives_the_same_log(name: str, log: list[Shown]) -> None:
    with tempfile.TemporaryDirectory() as path:
        folder = Path(path)
        if name in products.RENDER:
            source = products.RENDER[name](log, folder)
            joined: dict[str, Any] = {}
            if name == "litellm":
                joined = {"feedback": str(folder / "feedback.csv"), "on": "request_id"}
            assert read(source, LogSpec(**joined)) == truth(log)
        else:
            source, spec = other(name, log, folder)
            assert read(source, LogSpec(**spec)) == truth(log)
