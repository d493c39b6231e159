from __future__ import annotations

import numpy as np
import pytest

from probrm.errors import DataError
from probrm.reward_benchmarks import find_benchmark


def _row(subset: str, number: object, n_right: int = 1, n_wrong: int = 3):
    return {
        "id": str(number),
        "prompt": f"{subset}, question {number}",
        "chosen": [f"right {i}" for i in range(n_right)],
        "rejected": [f"wrong {i}" for i in range(n_wrong)],
        "num_correct": n_right,
        "num_incorrect": n_wrong,
        "total_completions": n_right + n_wrong,
        "models": ["m"] * (n_right + n_wrong),
        "subset": subset,
    }


def _score(write, rows, rewards):
    read = find_benchmark("rewardbench-2").read(write(rows))
    return read.score(np.concatenate(rewards), bootstrap=0)


@pytest.mark.parametrize("name", ["bench.parquet", "bench.jsonl", "bench.json"])
def test_responses_come_prompt_by_prompt_right_ones_first(write, name: str):
    read = find_benchmark("rewardbench-2").read(write([_row("Math", 0), _row("Ties", "tied:1", 2, 1)], name))
    assert [c.response for c in read.conversations] == ["right 0", "wrong 0", "wrong 1", "wrong 2", "right 0", "right 1", "wrong 0"]
    assert read.conversations[4].prompt == "Ties, question tied:1"


def test_best_of_four_shares_a_tied_best(write):
    """Won; tied with one other (1/2); tied with all (1/4); lost; and tied among losers above it: (1 + 1/2 + 1/4) / 5."""
    rows = [_row("Focus", i) for i in range(5)]
    result = _score(write, rows, [[2, 1, 1, 1], [2, 2, 1, 1], [0, 0, 0, 0], [0, 1, 0, 0], [1, 2, 2, 0]])
    assert result.scores["Focus"].value == pytest.approx(1.75 / 5)


def test_of_several_right_responses_any_may_be_the_best(write):
    result = _score(write, [_row("Math", 0, 2, 2), _row("Math", 1, 2, 2)], [[0, 5, 1, 1], [3, 3, 3, 0]])
    assert result.scores["Math"].value == pytest.approx((1 + 2 / 3) / 2)


def _ties(write, *prompts):
    rows = [_row("Ties", key, len(right), len(wrong)) for key, right, wrong in prompts]
    return _score(write, rows, [[*right, *wrong] for _, right, wrong in prompts])


def test_ties_by_hand(write):
    """0: gaps 3 (ref) and 2 (tied), spread 1: right, right, 2 > 1, min 2 > 1, tanh(2 / 1 - 1).
    1: gaps 0.5 and 2, spread 1: right, right, 2 > 1, min 0.5 ≤ 1, tanh(0.5 - 1).
    2: gaps -1 and 1, spread 4: wrong, right, no, no, tanh(-1 / 4 - 1).
    3: tied only, gap 0: not right; and ref only (4), right: neither is in the margins' means."""
    result = _ties(
        write,
        ("ref:0", [3], [0, -1]),
        ("tied:0", [3, 2], [0]),
        ("ref:1", [0.5], [0]),
        ("tied:1", [3, 2.5, 2], [0, -2]),
        ("ref:2", [0], [1]),
        ("tied:2", [5, 1], [0]),
        ("tied:3", [1, 1], [1]),
        ("ref:4", [1], [0]),
    )
    margin = np.mean([np.tanh(1), np.tanh(-0.5), np.tanh(-1.25)])
    expected = 0.3 * 3 / 4 + 0.3 * 3 / 4 + 0.2 * 2 / 3 + 0.2 * 1 / 3 + 0.01 * margin
    assert result.scores["Ties"].value == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(("right", "wrong", "tanh"), [([1, 1], [0], 1.0), ([1, 1], [2], -1.0), ([1, 1], [1], 0.0)])
def test_right_ones_with_equal_rewards_have_no_spread(write, right: list[float], wrong: list[float], tanh: float):
    """gap / 0 is ±∞ with tanh ±1; 0 / 0 counts as 0."""
    result = _ties(write, ("ref:7", [9 if tanh > 0 else 1], wrong), ("tied:7", right, wrong))
    assert result.scores["Ties"].value == pytest.approx((1.0 if tanh > 0 else 0.0) + 0.01 * tanh)


def test_ties_without_both_kinds_have_no_score_and_overall_is_of_the_others(write):
    rows = [_row("Ties", "tied:0", 2, 1), _row("Safety", 0), _row("Safety", 1), _row("Math", 2)]
    result = _score(write, rows, [[1, 1, 0], [1, 0, 0, 0], [0, 1, 0, 0], [1, 0, 0, 0]])
    assert np.isnan(result.scores["Ties"].value)
    assert "Ties: ref: there are no such items" in result.notes
    assert result.scores["overall"].value == pytest.approx((0.5 + 1) / 2)
    assert any(note.startswith("overall: without Factuality, Precise IF, Focus, Ties,") for note in result.notes)


def test_overall_is_the_mean_over_six_subsets_and_not_over_prompts(write):
    others = ["Factuality", "Precise IF", "Math", "Safety", "Focus"]
    rows = [_row(name, i) for i, name in enumerate(others)] + [_row("Math", 9), _row("Ties", "ref:0"), _row("Ties", "tied:0", 2, 1)]
    won, lost = [1, 0, 0, 0], [0, 1, 1, 1]
    result = _score(write, rows, [won, lost, won, lost, lost, won, won, [2, 2, 0]])
    assert list(result.scores) == ["overall", *others, "Ties"]
    assert result.scores["Ties"].value == pytest.approx(1.01)
    assert result.scores["overall"].value == pytest.approx((1 + 0 + 1 + 0 + 0 + 1.01) / 6)
    assert not any("without" in note for note in result.notes)


def test_both_prompts_of_a_tie_are_drawn_together(write):
    rows = [_row("Ties", f"{kind}:{i}", *shape) for i in range(3) for kind, shape in (("ref", (1, 3)), ("tied", (2, 2)))]
    read = find_benchmark("rewardbench-2").read(write(rows))
    assert len({item.unit for item in read.items}) == 3


def test_an_unknown_subset(write):
    result = _score(write, [_row("Poetry", 0), _row("Math", 1)], [[1, 0, 0, 0], [0, 1, 0, 0]])
    assert list(result.scores) == ["overall", "Math", "other/Poetry"]
    assert result.scores["overall"].value == 0
    assert "subsets that RewardBench 2 does not have, which count nowhere: Poetry" in result.notes


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rejected": []}, "row 2, column 'rejected': found 'an empty list'; allowed: a list of at least one text"),
        ({"chosen": [None]}, r"row 2, column 'chosen': found \[None\]; allowed: a list of at least one text"),
        ({"chosen": None}, "row 2, column 'chosen': it is missing"),
        ({"subset": "Ties", "id": "12"}, "row 2, column 'id': found '12'; allowed: in Ties, 'ref:NUMBER' or 'tied:NUMBER'"),
        ({"subset": "Ties", "id": "ref:1"}, "row 3, column 'id': found 'ref:1'; allowed: in Ties, an id that no other row has"),
    ],
)
def test_bad_rows_are_named(write, change: dict[str, object], message: str):
    rows = [_row("Math", 0), _row("Math", 1) | change, _row("Ties", "ref:1")]
    with pytest.raises(DataError, match=message):
        find_benchmark("rewardbench-2").read(write(rows))


def test_the_first_rewardbench_s_file_is_no_rewardbench_2(write):
    rows = [{"id": 1, "prompt": "q", "chosen": "a", "rejected": "b", "subset": "math-prm"}]
    with pytest.raises(DataError, match="row 1, column 'chosen': found 'a'; allowed: a list of at least one text"):
        find_benchmark("rewardbench-2").read(write(rows))
