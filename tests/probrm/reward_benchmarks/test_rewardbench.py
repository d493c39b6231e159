from __future__ import annotations

import numpy as np
import pytest

from probrm.errors import DataError
from probrm.reward_benchmarks import find_benchmark
from probrm.reward_benchmarks.rewardbench import EXAMPLES, PRIOR_SETS, SECTIONS


def _rows(counts: dict[str, int]):
    rows = []
    for subset, n in counts.items():
        for i in range(n):
            prompt = f"{subset}, question {i}"
            rows.append(
                {
                    "id": len(rows),
                    "prompt": prompt,
                    "chosen": "yes",
                    "chosen_model": "a",
                    "rejected": "no",
                    "rejected_model": "b",
                    "subset": subset,
                }
            )
    return rows


def _rewards(*pairs: tuple[float, float]) -> np.ndarray:
    return np.array(pairs).ravel()


RIGHT, WRONG, TIED = (1.0, 0.0), (0.0, 1.0), (0.5, 0.5)


def test_the_published_table():
    """The data set's split has 2,985 examples: 358, 456, 740 and 1,431 by section. Code weighs as much as maths."""
    assert sum(EXAMPLES.values()) == 2985
    assert [sum(EXAMPLES[name] for name in subsets) for subsets in SECTIONS.values()] == [358, 456, 740, 1431]
    code = [weight for name, weight in SECTIONS["Reasoning"].items() if name != "math-prm"]
    assert len(code) == 6
    assert SECTIONS["Reasoning"]["math-prm"] == sum(code)


@pytest.mark.parametrize("name", ["bench.parquet", "bench.jsonl", "bench.json"])
def test_conversations_come_pair_by_pair_chosen_first(write, name: str):
    read = find_benchmark("rewardbench").read(write(_rows({"math-prm": 1, "hep-go": 1}), name))
    assert [(c.prompt, c.response) for c in read.conversations] == [
        ("math-prm, question 0", "yes"),
        ("math-prm, question 0", "no"),
        ("hep-go, question 0", "yes"),
        ("hep-go, question 0", "no"),
    ]


def test_sections_are_weighted_by_the_published_counts_and_not_by_the_file_s(write):
    """Chat: easy 1 of 2, med 1 of 1, so (100 · 1/2 + 40 · 1) / 140. Equal rewards are wrong."""
    read = find_benchmark("rewardbench").read(write(_rows({"alpacaeval-easy": 2, "mt-bench-med": 1, "math-prm": 2, "hep-cpp": 3})))
    result = read.score(_rewards(RIGHT, TIED, RIGHT, WRONG, WRONG, RIGHT, RIGHT, WRONG), bootstrap=0)
    assert list(result.scores) == [
        "overall",
        "Chat",
        "Reasoning",
        "Chat/alpacaeval-easy",
        "Chat/mt-bench-med",
        "Reasoning/math-prm",
        "Reasoning/hep-cpp",
    ]
    values = {name: metric.value for name, metric in result.scores.items()}
    assert values["Chat/alpacaeval-easy"] == 0.5
    assert values["Chat"] == pytest.approx((100 * 0.5 + 40) / 140)
    assert values["Reasoning"] == pytest.approx((984 * 0 + 164 * 2 / 3) / (984 + 164))
    assert values["overall"] == pytest.approx((values["Chat"] + values["Reasoning"]) / 2)
    assert "overall: without Chat Hard, Safety, of which there is no score here; not the published score" in result.notes
    assert any(note.startswith("Chat: without alpacaeval-length, alpacaeval-hard, mt-bench-easy,") for note in result.notes)
    assert any("alpacaeval-easy 2 of 100" in note and "math-prm 2 of 447" in note for note in result.notes)


def test_overall_is_the_mean_of_four_sections_where_all_are_there(write):
    everything = {name: 1 for subsets in SECTIONS.values() for name in subsets}
    read = find_benchmark("rewardbench").read(write(_rows(everything)))
    outcome = {"Chat": RIGHT, "Chat Hard": WRONG, "Safety": RIGHT, "Reasoning": WRONG}
    rewards = _rewards(*[outcome[section] for section, subsets in SECTIONS.items() for _ in subsets])
    result = read.score(rewards, bootstrap=0)
    assert [result.scores[name].value for name in ("overall", *SECTIONS)] == pytest.approx([0.5, 1, 0, 1, 0])
    assert not any("without" in note for note in result.notes)


def test_maths_weighs_as_much_as_all_code(write):
    read = find_benchmark("rewardbench").read(write(_rows(dict.fromkeys(SECTIONS["Reasoning"], 1))))
    result = read.score(_rewards(RIGHT, *[WRONG] * 6), bootstrap=0)
    assert result.scores["Reasoning"].value == pytest.approx(0.5)


def test_prior_sets_are_a_plain_mean_that_counts_half(write):
    """Four sections at 1 and prior sets at (1 + 0 + 0 + 0) / 4: (4 · 1 + 0.5 · 0.25) / 4.5. Prompts may be chats."""
    rows = _rows({name: 1 for subsets in SECTIONS.values() for name in subsets})
    prior = _rows(dict.fromkeys(PRIOR_SETS, 1))
    for row in rows + prior:
        row["prompt"] = [{"role": "user", "content": row["prompt"]}]
    read = find_benchmark("rewardbench").read(write([*rows, *prior]))
    assert read.conversations[0].prompt == (("user", "alpacaeval-easy, question 0"),)
    result = read.score(_rewards(*[RIGHT] * (len(rows) + 1), *[WRONG] * 3), bootstrap=0)
    assert result.scores["Prior Sets"].value == pytest.approx(0.25)
    assert result.scores["overall"].value == pytest.approx((4 + 0.5 * 0.25) / 4.5)


def test_an_unknown_subset_is_told_and_counts_in_no_section(write):
    read = find_benchmark("rewardbench").read(write(_rows({"mt-bench-easy": 1, "Chat": 2})))
    result = read.score(_rewards(RIGHT, WRONG, RIGHT), bootstrap=0)
    assert list(result.scores) == ["overall", "Chat", "Chat/mt-bench-easy", "other/Chat"]
    assert [metric.value for metric in result.scores.values()] == [1, 1, 1, 0.5]
    assert "subsets that RewardBench does not have, which count in no section: Chat" in result.notes


def test_missing_columns_are_named_beside_the_published_form(write):
    rows = [{"question": "q", "chosen": "a", "reject": "b"}]
    with pytest.raises(DataError) as caught:
        find_benchmark("rewardbench").read(write(rows))
    assert "bench.parquet: there is no column 'prompt', 'rejected', 'subset'; found: question, chosen, reject;" in caught.value.what
    assert "prompt (text), chosen (text), rejected (text), subset (text)" in caught.value.what


@pytest.mark.parametrize(
    ("column", "value", "found"),
    [
        ("chosen", None, "it is missing; allowed: text"),
        ("subset", "  ", "found '  '; allowed: a name"),
        ("prompt", None, "it is missing; allowed: text, or a list of {role, content}"),
    ],
)
def test_a_row_without_text_is_named(write, column: str, value: object, found: str):
    rows = _rows({"mt-bench-easy": 3})
    rows[1][column] = value
    with pytest.raises(DataError, match=f"row 2, column '{column}': ") as caught:
        find_benchmark("rewardbench").read(write(rows))
    assert found in caught.value.what


def test_numbers_where_texts_should_be(write):
    rows = [row | {"rejected": 3} for row in _rows({"mt-bench-easy": 2})]
    with pytest.raises(DataError, match="row 1, column 'rejected': found 3; allowed: text"):
        find_benchmark("rewardbench").read(write(rows))


def test_an_empty_response_is_a_response(write):
    rows = [row | {"rejected": ""} for row in _rows({"mt-bench-easy": 1})]
    assert find_benchmark("rewardbench").read(write(rows)).conversations[1].response == ""
