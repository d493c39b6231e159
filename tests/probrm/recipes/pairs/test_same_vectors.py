"""Pairs whose sides are one and the same to the encoder are dropped, counted and, if there are no others, refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from probrm.data import Pairs, read_pairs
from probrm.encoders import Encoded, EncoderConfig
from probrm.errors import DataError
from probrm.recipes.pairs.same_vectors import same_sides
from probrm_models.bradley_terry.recipe import BradleyTerryRecipe
from tests.pair_shapes import SHAPES, rows_of, write_rows


@pytest.fixture
def pairs(tmp_path: Path) -> Pairs:
    return read_pairs(write_rows(rows_of(SHAPES["texts"]), tmp_path / "a.jsonl"))


def encoded(m: int, same: list[int], sections: int = 2) -> Encoded:
    vectors = torch.randn(sections * m, 4, generator=torch.Generator().manual_seed(0))
    vectors[[m + i for i in same]] = vectors[same] * (1 + 1e-6)
    return Encoded(vectors, "key", EncoderConfig(max_length=64), [])


def test_rounding_is_no_difference() -> None:
    a = torch.tensor([[1.0, 2.0], [1.0, 2.0], [1000.0, 2000.0]])
    assert same_sides(a, a + torch.tensor([[1e-6], [1e-2], [1e-3]])).tolist() == [True, False, True]


@pytest.mark.parametrize("sections", [2, 3])
def test_they_are_dropped_and_counted(pairs: Pairs, sections: int) -> None:
    m, found = len(pairs), encoded(len(pairs), [1, 7], sections)
    rows, kept = BradleyTerryRecipe().distinguished(pairs, found)
    left = [i for i in range(m) if i not in (1, 7)]
    assert rows.rows.tolist() == [pairs.rows[i] for i in left]
    torch.testing.assert_close(kept.vectors, found.vectors[[s * m + i for s in range(sections) for i in left]])
    assert rows.notes[-1] == (
        "dropped: 2 of 30 pairs have the same vector on both sides (the first is row 2): equal after tokenising, or where the encoder "
        "sees 64 tokens at most (encoder.max_length)"
    )


def test_nothing_is_said_where_all_differ(pairs: Pairs) -> None:
    found = encoded(len(pairs), [])
    assert BradleyTerryRecipe().distinguished(pairs, found) == (pairs, found)


def test_all_of_them_are_refused(pairs: Pairs) -> None:
    with pytest.raises(DataError, match="30 of 30 pairs have the same vector") as caught:
        BradleyTerryRecipe().distinguished(pairs, encoded(len(pairs), list(range(30))))
    assert "--set encoder.max_length=128" in caught.value.fix
    assert np.all(pairs.weight == 1)
