from __future__ import annotations

import pytest

from probrm.data.pairs.rating_names import direction, is_rank, is_rating, sign_of


@pytest.mark.parametrize(
    "name", ["helpfulness", "Helpfulness", "instruction-following", "safety_score", "human_quality", "rating_clarity", "reward"]
)
def test_ratings(name: str) -> None:
    assert is_rating(name)


@pytest.mark.parametrize(
    "name", ["n_tokens", "latency", "length", "created_at", "id", "toxicity", "rank", "score_ratio", "count", "label", ""]
)
def test_what_is_no_rating_in_which_higher_is_better(name: str) -> None:
    assert not is_rating(name)


@pytest.mark.parametrize(
    ("name", "rank"), [("rank", True), ("human_rank", True), ("Position", True), ("rerank_score", False), ("placeholder", False)]
)
def test_ranks(name: str, rank: bool) -> None:
    assert is_rank(name) == rank


@pytest.mark.parametrize(
    ("name", "expected", "said"),
    [
        ("quality", ("quality", 1.0), "higher `quality`"),
        ("-toxicity", ("toxicity", -1.0), "lower `toxicity`"),
        ("rank", ("rank", -1.0), "lower `rank`"),
        ("-rank", ("rank", -1.0), "lower `rank`"),
    ],
)
def test_directions(name: str, expected: tuple[str, float], said: str) -> None:
    assert sign_of(name, []) == expected
    assert direction(name) == said


def test_a_column_whose_name_begins_with_a_minus() -> None:
    assert sign_of("-x", ["-x"]) == ("-x", 1.0)
