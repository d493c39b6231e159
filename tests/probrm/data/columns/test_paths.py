"""Columns inside of columns."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from probrm.data import LogSpec, read_log
from probrm.data.columns.paths import with_paths
from probrm.errors import DataError

SPEC = LogSpec(
    columns={"messages": "inputs.messages", "response": "outputs.output.content", "action": "feedback.rating", "user_id": "meta.who"},
    propensity_features=("meta.surface",),
)


def rows() -> list[dict[str, Any]]:
    return [
        {
            "inputs": {"messages": [{"role": "user", "content": f"What is {i}?"}]},
            "outputs": {"output": {"role": "assistant", "content": f"It is {i}."}},
            "feedback": {"rating": i % 2, "tag": None},
            "meta": {"who": f"u{i % 5}", "surface": ("web", "ide")[i % 3 == 0]},
        }
        for i in range(60)
    ]


def write(path: Path, form: str) -> str:
    found = rows()
    if form == "parquet":
        pq.write_table(pa.Table.from_pylist(found), path.with_suffix(".parquet"))
        return str(path.with_suffix(".parquet"))
    if form == "json text":
        table = pa.table({name: [json.dumps(row[name]) for row in found] for name in found[0]})
        pq.write_table(table, path.with_suffix(".parquet"))
        return str(path.with_suffix(".parquet"))
    if form == "flat csv":  # a column whose own name has dots goes first
        import csv

        with path.with_suffix(".csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["inputs.messages", "outputs.output.content", "feedback.rating", "meta.who", "meta.surface"])
            for row in found:
                values = [json.dumps(row["inputs"]["messages"]), row["outputs"]["output"]["content"], row["feedback"]["rating"]]
                writer.writerow([*values, row["meta"]["who"], row["meta"]["surface"]])
        return str(path.with_suffix(".csv"))
    path.with_suffix(".jsonl").write_text("\n".join(map(json.dumps, found)))
    return str(path.with_suffix(".jsonl"))


@pytest.mark.parametrize("form", ["parquet", "json text", "jsonl", "flat csv"])
def test_every_form_gives_the_same(tmp_path: Path, form: str) -> None:
    log = read_log(write(tmp_path / "log", form), SPEC)
    assert log.action is not None
    assert log.user is not None
    assert log.action.tolist() == [i % 2 for i in range(60)]
    assert [c.response for c in log.conversations] == [f"It is {i}." for i in range(60)]
    assert log.conversations[7].prompt == (("user", "What is 7?"),)
    assert log.user[:6].tolist() == ["u0", "u1", "u2", "u3", "u4", "u0"]
    assert log.propensity["meta.surface"].tolist()[:4] == ["ide", "web", "web", "ide"]
    assert [name for name in log.table.column_names if "." in name] == ([] if form != "flat csv" else log.table.column_names)


def test_places_in_lists_and_maps() -> None:
    inner = pa.map_(pa.string(), pa.int64())
    table = pa.table({"m": pa.array([[("a", 1)], [("b", 2)]], inner), "l": [[{"x": 1}, {"x": 2}], []], "t": ['{"a": {"b": true}}', "no"]})
    found = with_paths(table, ["m.a", "l.-1.x", "t.a.b", "l.x", "t.z", "q.r"])
    assert found.column("m.a").to_pylist() == [1, None]
    assert found.column("l.-1.x").to_pylist() == [2, None]
    assert found.column("t.a.b").to_pylist() == [True, None]
    assert not {"l.x", "t.z", "q.r"} & set(found.column_names)


def test_a_path_that_leads_nowhere_names_the_closest(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        read_log(write(tmp_path / "log", "parquet"), LogSpec(columns={**SPEC.columns, "action": "feedback.ratings"}))
    assert "there is no column 'feedback.ratings' (named for 'action')" in caught.value.what
    assert "--columns action=feedback.rating" in caught.value.fix


def test_a_place_in_a_list_in_brackets(tmp_path: Path) -> None:
    found = [{**row, "outputs": [{"content": row["outputs"]["output"]["content"]}]} for row in rows()]
    path = tmp_path / "log.jsonl"
    path.write_text("\n".join(map(json.dumps, found)))
    spec = LogSpec(columns={**SPEC.columns, "response": "outputs[0].content"})
    log = read_log(str(path), spec)
    assert [c.response for c in log.conversations] == [f"It is {i}." for i in range(60)]
    assert not any("outputs" in note for note in log.notes)
    with pytest.raises(DataError) as caught:
        read_log(str(path), LogSpec(columns={**SPEC.columns, "user_id": "meta.whom"}))
    assert caught.value.what.count("meta.who,") == 1
