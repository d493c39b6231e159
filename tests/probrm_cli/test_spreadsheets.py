from __future__ import annotations

import re
import shutil
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pytest

from probrm_cli.spreadsheets import FORMULA, without_formulas
from tests.support import call

SAVED = Path(__file__).parents[1] / "saved_runs"
TEXTS = ["=cmd|' /C calc'!A0", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "'=1", "''-1", "'quoted'", "plain", "a=b", "", None, "é", " =1"]
CHANGED = TEXTS[:8]


def made_of(texts: list[str | None], kind: pa.DataType) -> pa.Array:
    if isinstance(kind, pa.BaseExtensionType):
        return pa.ExtensionArray.from_storage(kind, pa.array(texts, kind.storage_type))
    return pa.array(texts).dictionary_encode() if pa.types.is_dictionary(kind) else pa.array(texts, kind)


@pytest.mark.parametrize(
    "kind", [pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int8(), pa.string()), pa.json_()], ids=str
)
def test_formulas_get_an_apostrophe_that_can_be_taken_away_again(kind: pa.DataType) -> None:
    table = pa.table({"text": made_of(TEXTS, kind), "number": range(-5, 10)})
    made, notes = without_formulas(table, "x.csv")
    found = made.column("text").to_pylist()
    assert found == [f"'{text}" if text in CHANGED else text for text in TEXTS]
    back = [text[1:] if text and text.startswith("'") and re.match(FORMULA, text) else text for text in found]
    assert back == TEXTS
    assert made.column("number") == table.column("number")
    assert "8 texts" in notes[0]
    assert "columns text" in notes[0]


@pytest.mark.parametrize("path", ["x.parquet", "x.jsonl", "x.jsonl.gz"])
def test_other_files_stay_as_they_are(path: str) -> None:
    table = pa.table({"=text": TEXTS})
    assert without_formulas(table, path) == (table, [])


def test_names_of_columns_count_too() -> None:
    made, notes = without_formulas(pa.table({"=1+1": ["a"], "b": ["c"]}), "x.CSV.GZ")
    assert made.column_names == ["'=1+1", "b"]
    assert "=1+1" in notes[0]


def test_a_score_says_so_and_can_leave_it() -> None:
    frame = pd.read_parquet(SAVED / "log.parquet")
    frame["comment"] = ["=1+1", *["fine"] * (len(frame) - 1)]
    frame.to_parquet("log.parquet")
    shutil.copy(SAVED / "store.safetensors", "s.safetensors")
    words = ("score", str(SAVED / "implicit"), "--data", "log.parquet", "--embeddings", "s.safetensors")
    done = call(*words, "--out", "a.csv")
    assert done.code == 0, done.err
    assert "note: 1 texts that begin with" in done.err
    assert "--no-csv-safe" in done.err
    done = call(*words, "--out", "b.csv", "--no-csv-safe")
    assert (done.code, done.err) == (0, "")
    first = [pyarrow.csv.read_csv(name).column("comment")[0].as_py() for name in ("a.csv", "b.csv")]
    assert first == ["'=1+1", "=1+1"]
