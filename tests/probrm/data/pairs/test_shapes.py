"""One set of pairs, written in every shape that is read, gives the same pairs."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from probrm.data import PairSpec, read_pairs
from probrm.errors import DataError
from tests.pair_shapes import PAIRS, SHAPES, Truth, expected, read_as, rows_of, write_rows

WITHOUT_CHOICES = (
    "texts",
    "chats",
    "chats with the prompt",
    "content parts",
    "content parts in some rows",
    "JSON text",
    "one message",
    "lists of one text",
    "hh-rlhf",
)


FILES = [(name, ending) for name in SHAPES for ending in (".jsonl", ".jsonl.gz", ".parquet")]
FILES.remove(("content parts in some rows", ".parquet"))  # a column of Parquet has one type


@pytest.mark.parametrize(("name", "ending"), FILES)
def test_every_shape_gives_the_same_pairs(tmp_path: Path, name: str, ending: str) -> None:
    shape = SHAPES[name]
    path = tmp_path / f"pairs{ending}"
    rows = rows_of(shape)
    if ending == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    else:
        write_rows(rows, path)
    pairs = read_pairs(str(path), PairSpec(**shape.spec))
    assert read_as(pairs) == expected()
    assert pairs.notes[0].startswith(f"read as {shape.preset}:")
    assert sum("preferred: " in note for note in pairs.notes) == 1


@pytest.mark.parametrize("name", SHAPES)
def test_in_a_csv_nested_cells_are_json_text(tmp_path: Path, name: str) -> None:
    shape, path = SHAPES[name], tmp_path / "pairs.csv"
    rows = [{k: json.dumps(v) if isinstance(v, list | dict) else v for k, v in row.items()} for row in rows_of(shape)]
    pd.DataFrame(rows).to_csv(path, index=False)
    assert read_as(read_pairs(str(path), PairSpec(**shape.spec))) == expected()


@pytest.mark.parametrize("name", [name for name, shape in SHAPES.items() if shape.preset not in ("pairs", "side-by-side", "helpsteer")])
def test_a_published_form_can_be_named(tmp_path: Path, name: str) -> None:
    shape = SHAPES[name]
    path = write_rows(rows_of(shape), tmp_path / "pairs.jsonl")
    assert read_as(read_pairs(path, PairSpec(preset=shape.preset, **shape.spec))) == expected()


@pytest.mark.parametrize("name", [name for name in SHAPES if name not in WITHOUT_CHOICES])
def test_swapping_the_sides_turns_nothing_round(tmp_path: Path, name: str) -> None:
    shape = SHAPES[name]
    swapped = [Truth(t.prompt, t.second, t.first, 1 - t.better) for t in PAIRS]
    path = write_rows(rows_of(shape, swapped), tmp_path / "pairs.jsonl")
    assert read_as(read_pairs(path, PairSpec(**shape.spec))) == expected()


@pytest.mark.parametrize("name", SHAPES)
def test_turning_all_preferences_round_turns_all_pairs_round(tmp_path: Path, name: str) -> None:
    """The negative control: a reading that ignored who won would pass the tests above."""
    shape = SHAPES[name]
    turned = [replace(t, better=1 - t.better) for t in PAIRS]
    path = write_rows(rows_of(shape, turned), tmp_path / "pairs.jsonl")
    assert read_as(read_pairs(path, PairSpec(**shape.spec))) == sorted((p, r, c) for p, c, r in expected())


ANSWERS = {
    **dict.fromkeys(("a and b", "model_a and model_b", "degrees", "names of models"), ("response_a", "response_b")),
    **{"A and B": ("answer_A", "answer_B"), "left and right": ("output_left", "output_right"), "names of columns": ("Answer1", "Answer2")},
    **{"1 and 2": ("response_1", "response_2"), "numbers from 0": ("response_0", "response_1"), "safe-rlhf": ("response_0", "response_1")},
    **{"one-hot": ("output_a", "output_b"), "scores of both": ("completion_1", "completion_2"), "llmbar": ("output_1", "output_2")},
    **{"bare letters": ("a", "b"), "arena": ("conversation_a", "conversation_b")},
}
COUNTED = {"words and numbers": ("response_a", "response_b"), "signed": ("response_a", "response_b"), "shp": ("human_ref_A", "human_ref_B")}
COUNTED |= {"helpsteer2-preference": ("response_1", "response_2"), "helpsteer3": ("response1", "response2")}


@pytest.mark.parametrize("name", ANSWERS)
def test_naming_the_answers_the_other_way_round_turns_nothing_round(tmp_path: Path, name: str) -> None:
    path = write_rows(rows_of(SHAPES[name]), tmp_path / "pairs.jsonl")
    first, second = ANSWERS[name]
    assert read_as(read_pairs(path, PairSpec(columns={"response_0": second, "response_1": first}))) == expected()


@pytest.mark.parametrize("name", COUNTED)
def test_where_the_order_of_the_names_would_decide_it_is_refused(tmp_path: Path, name: str) -> None:
    path = write_rows(rows_of(SHAPES[name]), tmp_path / "pairs.jsonl")
    first, second = COUNTED[name]
    with pytest.raises(DataError, match="not certain"):
        read_pairs(path, PairSpec(columns={"response_0": second, "response_1": first}))


@pytest.mark.parametrize("name", ["arena-kaggle", "pandalm", "shp", "summarize-from-feedback"])
def test_the_table_stays_as_it_is_in_the_file(tmp_path: Path, name: str) -> None:
    rows = rows_of(SHAPES[name])
    pairs = read_pairs(write_rows(rows, tmp_path / "pairs.jsonl"))
    assert pairs.table.column_names == list(rows[0])
    assert pairs.table.to_pylist() == rows


def test_turns_of_a_longer_battle(tmp_path: Path) -> None:
    rows = [
        {"prompt": json.dumps([f"Q{i}", "And why?"]), "response_a": json.dumps([f"A{i}", "So."]), "response_b": json.dumps([f"B{i}", None])}
        | {"winner_model_a": 1, "winner_model_b": 0, "winner_tie": 0}
        for i in range(30)
    ]
    pairs = read_pairs(write_rows(rows, tmp_path / "pairs.jsonl"))
    assert pairs.chosen[3].prompt == (("user", "Q3"),)
    assert pairs.chosen[3].response == "A3\n\nuser: And why?\n\nassistant: So."
    assert pairs.rejected[3].response == "B3\n\nuser: And why?\n\nassistant: "
