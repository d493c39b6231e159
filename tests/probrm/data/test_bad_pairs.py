"""Each bad file of pairs gets one DataError that names the place, the value found, what is allowed, and how to correct it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from probrm.data import PairSpec, read_pairs
from probrm.errors import DataError

N = 40
Save = Callable[..., str]
CHAT = [{"role": "user", "content": "Q"}, {"role": "assistant", "content": "a"}]


def good() -> dict[str, Any]:
    return {
        "prompt": [f"What is {i} + 1?" for i in range(N)],
        "chosen": [f"It is {i + 1}." for i in range(N)],
        "rejected": [f"It is {i + 77}." for i in range(N)],
        "chosen_clarity": [i % 5 for i in range(N)],
        "rejected_clarity": [i % 3 for i in range(N)],
    }


@pytest.fixture
def save(tmp_path: Path) -> Save:
    """Writes good pairs with some columns replaced (``None`` removes one) and returns the path."""

    def write(name: str = "pairs.parquet", **changed: Any) -> str:
        frame = pd.DataFrame({k: v for k, v in {**good(), **changed}.items() if v is not None})
        path = tmp_path / name
        if name.endswith(".parquet"):
            frame.to_parquet(path)
        elif name.endswith(".csv"):
            frame.to_csv(path, index=False)
        else:
            frame.to_json(path, orient="records", lines=True)
        return str(path)

    return write


def refused(path: str, spec: PairSpec | None = None, **options: Any) -> DataError:
    with pytest.raises(DataError) as caught:
        read_pairs(path, spec, **options)
    assert caught.value.what.startswith(path)
    assert "\n" not in caught.value.what + caught.value.fix
    return caught.value


def first(value: Any, then: Any, at: int = 6) -> list[Any]:
    return [value if i == at else then for i in range(N)]


@pytest.mark.parametrize(
    ("changed", "native", "fix"),
    [
        ({"rejected": None}, "rejected", "--columns rejected=NAME"),
        ({"chosen": None}, "chosen", "--columns chosen=NAME"),
        ({"rejected": None, "rejectd": ["x"] * N}, "rejected", "--columns rejected=rejectd"),
        ({"chosen": None, "winner": ["x"] * N}, "chosen", "if it is 'winner': --columns chosen=winner"),
        ({"chosen": None, "rejected": None}, "chosen", "--columns chosen=NAME"),
        ({"chosen": None, "rejected": None, "prompt": None, "response": ["x"] * N, "question": ["x"] * N}, "prompt", "prompt=question"),
        ({"chosen": None, "rejected": None, "answer": ["x"] * N}, "response", "--columns response=answer"),
    ],
)
def test_a_missing_side(save: Save, changed: dict[str, Any], native: str, fix: str):
    error = refused(save(**changed))
    assert f"there is no column {native!r}; found: " in error.what
    assert "the forms that are read: prompt, response_0, response_1" in error.what
    assert fix in error.fix


def test_a_renamed_side_that_is_not_there(save: Save):
    error = refused(save(chosen=None, winner=["x"] * N), PairSpec(columns={"chosen": "winer"}))
    assert "there is no column 'winer' (named for 'chosen')" in error.what
    assert "--columns chosen=winner" in error.fix


@pytest.mark.parametrize("column", ["prompt", "chosen", "rejected"])
@pytest.mark.parametrize("name", ["pairs.parquet", "pairs.csv", "pairs.jsonl"])
@pytest.mark.parametrize("empty", [None, "", " \n"])
def test_empty_texts_are_dropped_and_counted(save: Save, column: str, name: str, empty: str | None):
    pairs = read_pairs(save(name, **{column: [empty if i in (3, 5) else f"text {column} {i}" for i in range(N)]}))
    assert len(pairs) == N - 2
    assert pairs.rows.tolist() == [i for i in range(N) if i not in (3, 5)]
    note = "dropped: 2 of 40 rows have an empty or non-text prompt, chosen or rejected side (the first is row 4)"
    assert note in pairs.notes


def test_too_many_empty_texts(save: Save):
    error = refused(save(rejected=[None if i < 9 else f"r{i}" for i in range(N)]))
    assert (
        "9 of 40 rows have an empty or non-text prompt, chosen or rejected side (the first is row 1); allowed: at most 20 %" in error.what
    )
    assert "rejected=NAME" in error.fix


@pytest.mark.parametrize("side", [[[]] * N, [[{"role": "user", "content": ""}]] * N])
def test_empty_chats(save: Save, side: list[Any]):
    assert "40 of 40 rows have an empty or non-text" in refused(save(chosen=side)).what


def test_some_empty_chats_are_dropped_and_counted(save: Save):
    answers = [[{"role": "assistant", "content": "" if i == 6 else f"a{i}"}] for i in range(N)]
    pairs = read_pairs(save(chosen=answers))
    assert 6 not in pairs.rows
    assert any("1 of 40 rows have an empty or non-text prompt, chosen or rejected side (the first is row 7)" in n for n in pairs.notes)


def test_chats_without_a_turn_of_the_assistant(save: Save):
    error = refused(save(chosen=[CHAT[:1]] * N))
    assert "40 of 40 rows have a chat that does not end with a turn of the assistant (the first is row 1)" in error.what


def test_chats_as_python_writes_them(save: Save):
    error = refused(save("pairs.csv", chosen=[CHAT] * N))
    assert "row 1, column 'chosen': found" in error.what
    assert "as JSON text" in error.what
    assert "save the file as parquet" in error.fix


def test_sides_that_are_neither_texts_nor_chats(save: Save):
    assert "column 'chosen': holds int64; allowed: text" in refused(save(chosen=list(range(N)))).what
    assert "column 'rejected': holds list" in refused(save(rejected=[[1, 2]] * N)).what


def test_the_same_text_on_both_sides(save: Save):
    error = refused(save(rejected=good()["chosen"]))
    assert "chosen and rejected are identical in all 40 pairs (the first is row 1)" in error.what
    assert "--columns chosen=NAME,rejected=NAME" in error.fix


def test_sides_that_answer_different_prompts(save: Save):
    chats = {side: [[{"role": "user", "content": f"{side} {i}"}, CHAT[1]] for i in range(N)] for side in ("chosen", "rejected")}
    error = refused(save(prompt=None, **chats))
    assert "40 of 40 rows have a chosen and a rejected side that do not start with the same prompt (the first is row 1)" in error.what
    assert "--columns prompt=NAME" in error.fix


def test_a_few_sides_that_answer_different_prompts_are_dropped_and_counted(save: Save):
    def chats(side: str) -> list[Any]:
        return [
            [{"role": "user", "content": f"{side if i == 6 else 'Q'} {i}"}, {"role": "assistant", "content": f"{side} {i}"}]
            for i in range(N)
        ]

    pairs = read_pairs(save(prompt=None, chosen=chats("chosen"), rejected=chats("rejected")))
    assert len(pairs) == N - 1
    assert any("1 of 40 rows have a chosen and a rejected side that do not start with the same prompt" in note for note in pairs.notes)


def test_plain_texts_without_a_prompt(save: Save):
    assert "--preset trl" in refused(save(prompt=None)).fix
    assert "--columns prompt=question" in refused(save(prompt=None, question=["Q"] * N)).fix


def test_one_prompt_only(save: Save):
    error = refused(save(prompt=["Q"] * N))
    assert "all 40 pairs answer one prompt; allowed: at least two" in error.what


def test_too_few_pairs_say_what_was_dropped(save: Save):
    error = refused(save(tie=[i >= 19 for i in range(N)]))
    assert "19 usable pairs; at least 20 are needed" in error.what
    assert "(dropped: 21 of 40 pairs are ties" in error.what
    assert len(read_pairs(save(tie=[i >= 20 for i in range(N)]))) == 20


def test_an_attribute_on_one_side_only(save: Save):
    path = save(rejected_clarity=None)
    pairs = read_pairs(path)
    assert pairs.attributes == ()
    assert "ignored, because the other side has no such column: chosen_clarity" in pairs.notes
    error = refused(path, PairSpec(attributes=("clarity",)))
    assert "the attribute 'clarity' is scored on one side only (chosen_clarity); allowed: both" in error.what
    assert "rejected_clarity" in error.fix


def test_an_overall_score_on_one_side_only(save: Save):
    pairs = read_pairs(save(chosen_score=[1.0] * N))
    assert pairs.margin is None
    assert "ignored, because the other side has no such column: chosen_score" in pairs.notes


def test_an_attribute_that_is_not_there(save: Save):
    error = refused(save(), PairSpec(attributes=("clarty",)))
    assert "there is no attribute 'clarty' (named with --attributes); found: clarity" in error.what
    assert error.fix == "did you mean 'clarity'?"


@pytest.mark.parametrize(
    ("value", "says", "note"),
    [(4, "is 4 everywhere", "no pair's two sides differ in it"), (None, "has no score in any usable row", "there are no scores")],
)
def test_an_attribute_that_never_varies(save: Save, value: Any, says: str, note: str):
    path = save("pairs.csv", chosen_wit=[value] * N, rejected_wit=[value] * N)
    pairs = read_pairs(path)
    assert pairs.attributes == ("clarity",)
    assert f"left out, because {note}: wit" in pairs.notes
    both = PairSpec(attributes=("clarity", "wit"))
    assert f"the attribute 'wit' {says}; allowed: scores that vary" in refused(path, both).what
    assert read_pairs(path, both, fitting=False).attributes == ("clarity", "wit")


@pytest.mark.parametrize("name", ["pairs.parquet", "pairs.csv", "pairs.jsonl"])
@pytest.mark.parametrize("value", ["four", "4 of 5", "1,5"])
def test_a_score_that_is_no_number(save: Save, name: str, value: str):
    error = refused(save(name, rejected_clarity=first(value, "3")))
    assert f"row 7, column 'rejected_clarity': found {value!r}; allowed: finite numbers, or missing" in error.what
    assert "--attributes" in error.fix


def test_scores_that_are_all_words(save: Save):
    path = save(chosen_clarity=["four"] * N, rejected_clarity=["two"] * N)
    assert read_pairs(path).attributes == ()
    assert "ignored: chosen_clarity, rejected_clarity" in read_pairs(path).notes[-1]
    error = refused(path, PairSpec(attributes=("clarity",)))
    assert "row 1, column 'chosen_clarity': found 'four'" in error.what


def test_scores_that_are_lists(save: Save):
    path = save(chosen_clarity=[[1]] * N, rejected_clarity=[[1]] * N)
    assert read_pairs(path).attributes == ()
    assert "column 'chosen_clarity': holds list" in refused(path, PairSpec(attributes=("clarity",))).what


def test_an_infinite_score(save: Save):
    assert "row 7, column 'chosen_clarity': found inf" in refused(save(chosen_clarity=first(float("inf"), 1.0))).what
    assert "row 7, column 'chosen_clarity': found '1e999'" in refused(save(chosen_clarity=first("1e999", "1"))).what


@pytest.mark.parametrize("column", ["margin", "chosen_score"])
@pytest.mark.parametrize("name", ["pairs.parquet", "pairs.csv"])
def test_a_margin_that_is_no_number(save: Save, column: str, name: str):
    error = refused(save(name, **{column: first("much", "3")}))
    assert f"row 7, column {column!r}: found 'much'" in error.what
    assert f"--columns {column}=" in error.fix


@pytest.mark.parametrize(("value", "found"), [(0.0, "found 0"), (-1.0, "found -1"), (None, "found nan"), (float("inf"), "found inf")])
def test_a_weight_that_is_not_positive(save: Save, value: Any, found: str):
    what = refused(save(weight=first(value, 1.0))).what
    assert "row 7, column 'weight': " in what
    assert found in what or "it is missing" in what


def test_weights_that_are_words(save: Save):
    assert "column 'weight': holds" in refused(save(weight=["heavy"] * N)).what


def test_a_tie_that_is_neither_0_nor_1(save: Save):
    error = refused(save(tie=first("maybe", "0")))
    assert "row 7, column 'tie': found 'maybe'; allowed: 0, 1, true, false" in error.what


def test_ids_that_repeat(save: Save):
    error = refused(save(id=[min(i, 38) for i in range(N)]))
    assert "rows 39 and 40, column 'id': both are '38'; allowed: a different value in every row" in error.what


def test_a_choice_that_is_neither_0_nor_1(save: Save):
    sides = {"response_0": good()["chosen"], "response_1": good()["rejected"]}
    error = refused(save(chosen=None, rejected=None, **sides, better_response_id=first(2, 1)))
    assert "row 7, column 'better_response_id': found 2; allowed: 0 (response_0), 1 (response_1)" in error.what
    assert "--choices first=VALUE,second=VALUE,tie=VALUE" in error.fix
    sides["response_1"] = list(range(N))
    assert "column 'response_1': holds int64" in refused(save(chosen=None, rejected=None, **sides, better_response_id=[1] * N)).what
