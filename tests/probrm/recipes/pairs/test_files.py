"""Files of pairs in every shape can be scored as what they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from probrm.data import PairSpec, read_table
from probrm.data.pairs.formats import PRESETS
from probrm.recipes.pairs.files import is_pairs, read_scored_pairs
from tests.pair_shapes import SHAPES, expected, read_as, rows_of, write_rows

ONE_A_ROW = [name for name, shape in SHAPES.items() if PRESETS.get(shape.preset, PRESETS["trl"]).reader == "pair"]


@pytest.mark.parametrize("name", ONE_A_ROW)
def test_files_with_one_pair_a_row(tmp_path: Path, name: str) -> None:
    spec = PairSpec(**SHAPES[name].spec)
    path = write_rows(rows_of(SHAPES[name]), tmp_path / "pairs.jsonl")
    there = read_table(path).column_names
    assert is_pairs(there, spec)
    pairs = read_scored_pairs(path, spec, there)
    assert read_as(pairs) == expected()
    assert pairs.table.num_rows == len(pairs)


@pytest.mark.parametrize("name", ["scores", "ranks"])
def test_rated_answers_are_no_pairs(tmp_path: Path, name: str) -> None:
    path = write_rows(rows_of(SHAPES[name]), tmp_path / "rated.jsonl")
    assert not is_pairs(read_table(path).column_names, PairSpec())
