from __future__ import annotations

import pytest

from probrm.data.columns.sides import TwoSides, counterparts, marked, two_sides
from probrm.data.pairs.side_by_side import scores_of, side_by_side_columns


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["prompt", "response_a", "response_b"], ("response_a", "response_b")),
        (["q", "Answer1", "Answer2", "answer_id"], ("Answer1", "Answer2")),
        (["left_output", "right_output"], ("left_output", "right_output")),
        (["responseA", "responseB"], ("responseA", "responseB")),
        (["summary 1", "summary 2"], ("summary 1", "summary 2")),
        (["response_0", "response_1", "response_2"], None),  # three answers are no pair
        (["score_a", "score_b"], None),
        (["response_a", "answer_b"], None),
        (["prompt", "response"], None),
    ],
)
def test_two_answers(names: list[str], expected: tuple[str, str] | None) -> None:
    found = two_sides(names)
    assert (None if found is None else (found.first, found.second)) == expected


def test_what_both_sides_have() -> None:
    names = ["response_a", "score_a", "score_b", "response_b", "a_length", "b_length", "model_a"]
    assert counterparts(names, ("a", "b")) == {
        "response": ("response_a", "response_b"),
        "score": ("score_a", "score_b"),
        "length": ("a_length", "b_length"),
    }
    assert set(scores_of(names, TwoSides("response_a", "response_b", ("a", "b")))) == {"score", "length"}


@pytest.mark.parametrize(("name", "mark"), [("winner_model_b", "b"), ("a_wins", "a"), ("choice", None), ("is_left_better", "left")])
def test_the_mark_of_a_name(name: str, mark: str | None) -> None:
    assert marked(name) == mark


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["question", "response_a", "response_b", "winner"], {"prompt": "question", "choice": "winner"}),
        (["prompt", "answer_1", "answer_2", "answer_1_wins", "answer_2_wins"], {"prompt": "prompt", "choice": "answer_1_wins"}),
        (["prompt", "output_a", "output_b", "score_a", "score_b"], {"prompt": "prompt", "score_0": "score_a", "score_1": "score_b"}),
        (["prompt", "output_a", "output_b"], None),
        (["prompt", "response", "score"], None),
        (["prompt", "response", "a", "b", "label"], None),
    ],
)
def test_which_column_is_what(names: list[str], expected: dict[str, str] | None) -> None:
    found = side_by_side_columns(names, {})
    assert (None if found is None else {k: v for k, v in found.items() if not k.startswith("response_")}) == expected
