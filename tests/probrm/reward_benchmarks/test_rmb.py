from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from probrm.errors import DataError
from probrm.reward_benchmarks import find_benchmark


def _prompt(text: str):
    return [{"role": "user", "content": text, "language": "English"}]


def _pair(path: str, number: int = 0):
    return {
        "pair_uid": str(number),
        "conversation_input": _prompt(f"{path} {number}"),
        "chosen": {"llm_name": "a", "answer": "good", "score": 5.0},
        "reject": {"llm_name": "b", "answer": "bad", "score": 4},
        "category_path": f"Pairwise_set/{path}",
    }


def _best(path: str, number: int = 0, losers: int = 2):
    return {
        "conversation_input": _prompt(f"{path} {number}"),
        "bon_best": {"llm_name": "a", "answer": "best"},
        "loser_list": [{"llm_name": "b", "answer": f"loser {i}"} for i in range(losers)],
        "bon_uid": str(number),
        "category_path": f"BoN_set/{path}",
    }


def test_a_folder_of_files_is_read_whole_and_in_order(write, tmp_path: Path):
    write([_pair("Helpfulness/Chat/Discussion")], "RMB_dataset/Pairwise_set/Helpfulness/Chat/Discussion.json")
    write([_pair("Harmlessness/S1"), _pair("Harmlessness/S1", 1)], "RMB_dataset/Pairwise_set/Harmlessness/S1.json")
    write([_best("Harmlessness/S1", losers=3)], "RMB_dataset/BoN_set/Harmlessness/S1.json")
    write([_best("Helpfulness/Code/Documentation")], "RMB_dataset/BoN_set/Helpfulness/Code/Documentation.json")
    read = find_benchmark("rmb").read(str(tmp_path / "RMB_dataset"))
    assert [len(item.responses) for item in read.items] == [4, 3, 2, 2, 2]
    assert read.conversations[0].prompt == (("user", "Harmlessness/S1 0"),)
    # Won by best-of-N only if all losers are below: tied with the second (wrong); won. Pairs: won, tied (wrong); won.
    result = read.score(np.array([2, 1, 2, 0, 2, 1, 0, 1, 0, 0, 0, 1, 0]), bootstrap=0)
    values = {name: metric.value for name, metric in result.scores.items()}
    assert values == pytest.approx(
        {
            "overall": (1 + 1 + 0 + 0.5) / 4,
            "helpfulness best-of-n": 1,
            "helpfulness pairs": 1,
            "harmlessness best-of-n": 0,
            "harmlessness pairs": 0.5,
            "harmlessness best-of-n/S1": 0,
            "harmlessness pairs/S1": 0.5,
            "helpfulness best-of-n/Code": 1,
            "helpfulness pairs/Chat": 1,
        }
    )
    assert list(values)[:5] == ["overall", "helpfulness best-of-n", "helpfulness pairs", "harmlessness best-of-n", "harmlessness pairs"]
    assert not any("without" in note for note in result.notes)


def test_a_section_pools_its_items_and_overall_its_sections(write):
    rows = [_pair("Helpfulness/Chat/Discussion", i) for i in range(3)] + [_pair("Helpfulness/Code/Documentation")]
    rows += [_pair("Harmlessness/S2")]
    result = find_benchmark("rmb").read(write(rows, "pairs.json")).score(np.array([1, 0] * 3 + [0, 1] + [0, 1]), bootstrap=0)
    assert result.scores["helpfulness pairs"].value == pytest.approx(3 / 4)
    assert result.scores["overall"].value == pytest.approx(3 / 8)
    assert any(note.startswith("overall: without helpfulness best-of-n, harmlessness best-of-n,") for note in result.notes)


def test_best_of_n_needs_every_loser_below_the_best(write):
    rows = [_best("Harmlessness/S1", i) for i in range(3)]
    result = find_benchmark("rmb").read(write(rows, "best.json")).score(np.array([2, 1, 0, 1, 2, 0, 1, 0, 2]), bootstrap=0)
    assert result.scores["harmlessness best-of-n"].value == pytest.approx(1 / 3)


def test_an_unknown_goal(write):
    rows = [_pair("Humour/Puns"), _pair("Harmlessness/multi")]
    result = find_benchmark("rmb").read(write(rows, "pairs.json")).score(np.array([0, 1, 1, 0]), bootstrap=0)
    assert result.scores["overall"].value == 1
    assert result.scores["other/Pairwise_set/Humour/Puns"].value == 0
    assert any("neither helpfulness nor harmlessness" in note and "Humour" in note for note in result.notes)


def test_objects_of_mixed_types_are_read_all_the_same(write):
    """Half of a surrogate pair, which JSON can hold and UTF-8 cannot, makes the reader give nested values as JSON text."""
    rows = [_pair("Harmlessness/S1"), _pair("Harmlessness/S1", 1)]
    rows[1]["chosen"]["answer"] = "broken \ud83d face"
    read = find_benchmark("rmb").read(write(rows, "pairs.json"))
    assert next(c.response for c in read.conversations) == "good"
    assert read.conversations[2].response.startswith("broken ")


def test_a_folder_without_files(tmp_path: Path):
    (tmp_path / "README.md").write_text("RMB")
    with pytest.raises(DataError, match=r"there is no \.json file in this folder or in its folders; it holds README\.md"):
        find_benchmark("rmb").read(str(tmp_path))


def test_neither_pairs_nor_best_of_n(write):
    rows = [{"conversation_input": _prompt("q"), "category_path": "x", "chosen": {"answer": "a"}}]
    with pytest.raises(DataError, match="neither pairs nor best-of-N; found: conversation_input, category_path, chosen"):
        find_benchmark("rmb").read(write(rows, "x.json"))
    with pytest.raises(DataError, match="there is no column 'conversation_input', 'category_path'; found: pair_uid, is_correct"):
        find_benchmark("rmb").read(write([{"pair_uid": "1", "is_correct": 1}], "y.json"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"loser_list": []}, "row 2, column 'loser_list': found .*; allowed: a list of at least one object with the text 'answer'"),
        ({"bon_best": {"llm_name": "a"}}, "row 2, column 'bon_best': found .*; allowed: an object with the text 'answer'"),
        ({"conversation_input": []}, r"row 2, column 'conversation_input': found \[\]; allowed: text, or a list of {role, content}"),
    ],
)
def test_bad_rows_are_named(write, change: dict[str, object], message: str):
    with pytest.raises(DataError, match=message):
        find_benchmark("rmb").read(write([_best("Harmlessness/S1"), _best("Harmlessness/S1", 1) | change], "x.json"))
