"""Choices between two answers: every coding is understood one way, or refused."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from probrm.data.columns.sides import TwoSides, marks_of
from probrm.data.columns.values import Cells
from probrm.data.pairs.choices import Choice, read_choice
from probrm.errors import DataError

LETTERS, ONES, ZEROS = ("response_a", "response_b"), ("response_1", "response_2"), ("response_0", "response_1")


def read(
    values: list[Any],
    sides: tuple[str, str] = LETTERS,
    *,
    name: str = "winner",
    index: bool = False,
    declared: dict[str, str] | None = None,
) -> Choice:
    cells = Cells.of("f", name, pa.chunked_array([pa.array(values)]), np.arange(len(values)))
    return read_choice(cells, TwoSides(*sides, marks_of(*sides)), declared or {}, index=index)


@pytest.mark.parametrize(
    ("values", "sides"),
    [
        (["a", "b", "tie"], LETTERS),
        (["A", "B", "Tie"], LETTERS),
        (["left", "right", "both"], LETTERS),
        (["model_a", "model_b", "tie (bothbad)"], LETTERS),
        (["Model A", "Model B", "neither"], LETTERS),
        (["response_a", "response_b", "both_bad"], LETTERS),
        (["Response 1", "Response 2", "equal"], LETTERS),
        (["first", "second", "draw"], ONES),
        (["1", "2", "tie"], ONES),
        (["output_1", "output_2", "same"], ONES),
        ([" A ", "b", "TIE"], ("left", "right")),
        (["a", "b", "c"], LETTERS),
        (["modela", "ModelB", "a tie"], LETTERS),
        (["A is much better", "b is better", "both are bad"], LETTERS),
        (["A>B", "B>>A", "A=B"], LETTERS),
        (["a < b", "a > b", "tie"], ("response_b", "response_a")),
        (["b", "model_a", "tie"], ("response_b", "response_a")),
        (["2", "1", "tie"], ("response_2", "response_1")),
        (["[[A]]", "[[B]]", "[[C]]"], LETTERS),
        (["1 > 2", "1<2", "1=2"], ONES),
        (["Assistant 1", "assistant 2", "equally good"], LETTERS),
    ],
)
def test_words(values: list[str], sides: tuple[str, str]) -> None:
    assert read(values, sides).side.tolist() == [0.0, 1.0, 0.5]


@pytest.mark.parametrize(
    ("values", "sides", "index", "expected"),
    [
        ([1, 2], LETTERS, False, [0, 1]),
        ([1.0, 2.0], ONES, False, [0, 1]),
        ([2, 2], ONES, False, [1, 1]),
        ([1, 1], ONES, False, [0, 0]),
        ([0, 1], ZEROS, False, [0, 1]),
        ([1, 1], ZEROS, False, [1, 1]),
        ([1, 2], ("response_2", "response_1"), True, [1, 0]),
        ([0, 1], ("response_1", "response_0"), True, [1, 0]),
        ([0, 1, 0.5], ZEROS, False, [0, 1, 0.5]),
        ([0, 1], LETTERS, True, [0, 1]),
        ([-3, 2, 0], LETTERS, False, [0, 1, 0.5]),
    ],
)
def test_numbers(values: list[float], sides: tuple[str, str], index: bool, expected: list[float]) -> None:
    assert read(values, sides, index=index).side.tolist() == expected


@pytest.mark.parametrize(
    ("values", "sides", "name"),
    [
        ([0, 1], LETTERS, "winner"),  # 1 may be the first or b
        ([0, 1], ONES, "winner"),
        ([1, 2], ZEROS, "winner"),
        ([0, 1, 2], LETTERS, "winner"),  # 0 or 2 may be the tie
        ([0, 1, 2], ONES, "winner"),
        ([-1, 1], LETTERS, "winner"),
        ([1, 1], LETTERS, "winner"),
        ([True, False], LETTERS, "winner"),
        ([1, 2, 3, 4], LETTERS, "winner"),
        ([0.2, 0.9], LETTERS, "winner"),
        ([1, 2, 3], LETTERS, "winner"),
        ([1, 2], ("response_b", "response_a"), "winner"),  # counted in the file's order, or in that of the names
        ([-3, 3], ("response_b", "response_a"), "winner"),
    ],
)
def test_what_could_mean_either_side_is_refused(values: list[Any], sides: tuple[str, str], name: str) -> None:
    with pytest.raises(DataError, match="it is not certain which of them means") as caught:
        read(values, sides, name=name)
    assert "--choices first=VALUE,second=VALUE,tie=VALUE" in caught.value.fix


def test_a_flag_of_one_side_is_no_index() -> None:
    with pytest.raises(DataError, match="not certain"):
        read([0, 1], LETTERS, name="a_is_better", index=True)
    assert read([0, 1], LETTERS, name="a_is_better", declared={"first": "1", "second": "0"}).side.tolist() == [1, 0]


@pytest.mark.parametrize("value", ["maybe", "a or b", "a is better than b", "a>c", "gpt-2", "llama2", "not a", "plan b"])
def test_a_word_that_names_no_side(value: str) -> None:
    with pytest.raises(DataError, match=f"row 3, column 'winner': found '{value}'"):
        read(["a", "b", value])


@pytest.mark.parametrize(
    ("declared", "values", "expected"),
    [
        ({"first": "1", "second": "2", "tie": "0"}, [0, 1, 2], [0.5, 0, 1]),
        ({"first": "0", "second": "1", "tie": "2"}, [0, 1, 2], [0, 1, 0.5]),
        ({"first": "1", "second": "0"}, [True, False, True], None),
        ({"first": "true", "second": "false"}, [True, False], [0, 1]),
        ({"first": "good|best", "second": "bad"}, ["good", "Best", "bad"], [0, 0, 1]),
        ({"first": "positive", "second": "negative"}, [2, -1, 3], [0, 1, 0]),
    ],
)
def test_declared(declared: dict[str, str], values: list[Any], expected: list[float] | None) -> None:
    if expected is None:
        with pytest.raises(DataError, match="found"):
            read(values, declared=declared)
        return
    assert read(values, declared=declared).side.tolist() == expected


def test_what_is_declared_is_all_there_is() -> None:
    with pytest.raises(DataError, match=r"row 2, column 'winner': found 3; allowed: 1 \(response_a\), 2 \(response_b\)"):
        read([1, 3], declared={"first": "1", "second": "2"})


def test_the_strength_of_a_signed_scale() -> None:
    choice = read([-3, 1, 0, None])
    assert choice.strength is not None
    assert choice.strength.tolist()[:3] == [3, 1, 0]
    assert math.isnan(choice.side[3])
    assert choice.meaning == "below 0 means `response_a`, above 0 `response_b`, by so much"
    assert read(["a", "b"]).strength is None


def test_what_was_understood() -> None:
    assert read(["a", "b", "tie", "b"]).meaning == "a means `response_a`, b means `response_b`, tie means neither"
