"""openbmb/UltraFeedback: rows with the fields of the published card."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from probrm.data import PairSpec, read_pairs
from probrm.errors import DataError

ASPECTS = ("instruction_following", "honesty", "truthfulness", "helpfulness")
PROMPTS, EACH = 10, 4
Rows = list[dict[str, Any]]


def completion(prompt: int, number: int, ratings: list[str], overall: float | None) -> dict[str, Any]:
    return {
        "annotations": {name: {"Rating": rating, "Rationale": "Because."} for name, rating in zip(ASPECTS, ratings, strict=True)},
        "model": f"model-{number}",
        "overall_score": overall,
        "response": f"Answer {number} to {prompt}.",
    }


@pytest.fixture
def published() -> Rows:
    """The overall score rises with the completion's number, the aspects' mean falls."""
    return [
        {
            "source": "evol_instruct",
            "instruction": f"Do {prompt}.",
            "models": [f"model-{k}" for k in range(EACH)],
            "completions": [completion(prompt, k, [str(5 - k), "N/A", str(5 - k), "3"], 2.0 * k + 1) for k in range(EACH)],
        }
        for prompt in range(PROMPTS)
    ]


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., str]:
    def save(rows: Rows, name: str = "ultrafeedback.parquet") -> str:
        path = tmp_path / name
        if name.endswith(".parquet"):
            pd.DataFrame(rows).to_parquet(path)
        else:
            path.write_text("\n".join(map(json.dumps, rows)))
        return str(path)

    return save


@pytest.mark.parametrize("name", ["ultrafeedback.parquet", "ultrafeedback.jsonl"])
def test_all_pairs_of_a_prompt_by_the_overall_score(write: Callable[..., str], published: Rows, name: str):
    pairs = read_pairs(write(published, name), PairSpec(attributes=("truthfulness", "instruction_following")))
    assert pairs.notes[0] == "read as ultrafeedback: instruction, completions"
    assert len(pairs) == PROMPTS * 6
    assert pairs.row_id[:6].tolist() == ["0.1>0.0", "0.2>0.0", "0.3>0.0", "0.2>0.1", "0.3>0.1", "0.3>0.2"]
    assert pairs.rows.tolist() == [i // 6 for i in range(PROMPTS * 6)]
    assert (pairs.chosen[7].prompt, pairs.chosen[7].response) == ("Do 1.", "Answer 2 to 1.")
    assert pairs.rejected[7].response == "Answer 0 to 1."
    assert pairs.margin is not None
    assert pairs.margin[:6].tolist() == [2, 4, 6, 2, 4, 2]
    assert pairs.attributes == ("truthfulness", "instruction_following")
    assert pairs.chosen_scores is not None
    assert pairs.rejected_scores is not None
    assert pairs.chosen_scores[7].tolist() == [3, 3]
    assert pairs.rejected_scores[7].tolist() == [5, 5]


def test_aspects_that_say_nothing_are_left_out(write: Callable[..., str], published: Rows):
    pairs = read_pairs(write(published))
    assert pairs.attributes == ("instruction_following", "truthfulness")
    assert "left out, because there are no scores: honesty" in pairs.notes
    assert "left out, because no pair's two sides differ in it: helpfulness" in pairs.notes


@pytest.mark.parametrize("how", ["switched off", "empty"])
def test_without_an_overall_score_the_aspects_decide(write: Callable[..., str], published: Rows, how: str):
    if how == "empty":
        for row in published:
            for one in row["completions"]:
                one["overall_score"] = None
    pairs = read_pairs(write(published), PairSpec(columns={"overall": ""} if how == "switched off" else {}))
    assert pairs.row_id[:2].tolist() == ["0.0>0.1", "0.0>0.2"]
    assert pairs.margin is not None
    assert pairs.margin[:2].tolist() == [1, 2]


def test_a_field_of_the_completions_as_the_overall_score(write: Callable[..., str], published: Rows):
    for row in published:
        for k, one in enumerate(row["completions"]):
            one["fine-grained_score"] = -3.0 * k
    pairs = read_pairs(write(published), PairSpec(columns={"overall": "fine-grained_score"}))
    assert pairs.row_id[0] == "0.0>0.1"
    assert pairs.margin is not None
    assert pairs.margin[0] == 3
    with pytest.raises(DataError, match="the completions have no 'fine_grained_score'") as caught:
        read_pairs(write(published), PairSpec(columns={"overall": "fine_grained_score"}))
    assert "did you mean 'fine-grained_score'?" in caught.value.fix


def test_ratings_as_numbers_in_some_rows_and_text_in_others(write: Callable[..., str], published: Rows):
    expected = read_pairs(write(published, "text.jsonl"))
    published[3]["completions"][0]["annotations"]["truthfulness"]["Rating"] = 5
    pairs = read_pairs(write(published, "mixed.jsonl"))
    assert pairs.row_id.tolist() == expected.row_id.tolist()
    np.testing.assert_array_equal(pairs.chosen_scores, expected.chosen_scores)  # type: ignore[arg-type]
    assert pairs.chosen == expected.chosen


def test_prompts_with_fewer_than_two_completions_are_counted(write: Callable[..., str], published: Rows):
    published[2]["completions"] = published[2]["completions"][:1]
    published[4]["completions"] = []
    published[6]["completions"][1]["response"] = " "
    pairs = read_pairs(write(published))
    assert "dropped: 2 of 10 prompts have fewer than two usable responses" in pairs.notes
    assert "dropped: 1 of 33 completions have an empty or non-text prompt or response (the first is row 7)" in pairs.notes
    assert set(pairs.rows.tolist()) == set(range(PROMPTS)) - {2, 4}
    assert [name for name in pairs.row_id if name.startswith("6.")] == ["6.2>6.0", "6.3>6.0", "6.3>6.2"]
    assert all(c.prompt == f"Do {row}." for c, row in zip(pairs.chosen, pairs.rows, strict=True))


def test_ids_of_the_file(write: Callable[..., str], published: Rows):
    pairs = read_pairs(write([{**row, "id": f"uf{i}"} for i, row in enumerate(published)]))
    assert pairs.row_id[6] == "uf1.1>uf1.0"


def test_a_rating_that_is_a_word(write: Callable[..., str], published: Rows):
    published[5]["completions"][2]["annotations"]["truthfulness"]["Rating"] = "four"
    path = write(published)
    with pytest.raises(DataError) as caught:
        read_pairs(path)
    assert "row 6, column 'completions.annotations.truthfulness.Rating': found 'four'; allowed: finite numbers" in caught.value.what
    assert read_pairs(path, fitting=False).attributes == ("instruction_following", "helpfulness")


def test_an_overall_score_that_is_infinite(write: Callable[..., str], published: Rows):
    published[1]["completions"][0]["overall_score"] = float("inf")
    path = write(published)
    with pytest.raises(DataError, match=r"row 2, column 'completions.overall_score': found inf"):
        read_pairs(path)
    assert read_pairs(path, fitting=False).row_id[0] == "0.0>0.1"


def test_nothing_is_rated(write: Callable[..., str], published: Rows):
    rows = [{**row, "completions": [{"response": one["response"]} for one in row["completions"]]} for row in published]
    with pytest.raises(DataError, match="no completion is rated"):
        read_pairs(write(rows))


@pytest.mark.parametrize("wrong", [["a", "b"], [{"answer": "a"}], "no JSON", '[{"response": 1}, 2]'])
def test_completions_of_another_form(write: Callable[..., str], published: Rows, wrong: Any):
    path = write([{**row, "completions": wrong} for row in published])
    with pytest.raises(DataError) as caught:
        read_pairs(path)
    assert caught.value.what.startswith(path)
    assert "column 'completions'" in caught.value.what
    assert "allowed: lists of {response, overall_score" in caught.value.what
