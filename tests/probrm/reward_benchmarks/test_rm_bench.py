from __future__ import annotations

import numpy as np
import pytest

from probrm.errors import ConfigError, DataError
from probrm.reward_benchmarks import find_benchmark


def _row(domain: str, number: int = 0):
    return {
        "id": f"{domain}/{number}",
        "prompt": f"{domain}, question {number}",
        "chosen": ["c short", "c long", "c **long**"],
        "rejected": ["r short", "r long", "r **long**"],
        "domain": domain,
    }


def _score(write, domains, rewards):
    read = find_benchmark("rm-bench").read(write([_row(domain, i) for i, domain in enumerate(domains)]))
    return {name: metric.value for name, metric in read.score(np.concatenate(rewards), bootstrap=0).scores.items()}


@pytest.mark.parametrize("name", ["bench.json", "bench.parquet"])
def test_six_responses_a_prompt(write, name: str):
    read = find_benchmark("rm-bench").read(write([_row("chat")], name))
    assert [c.response for c in read.conversations] == ["c short", "c long", "c **long**", "r short", "r long", "r **long**"]


def test_triangles_by_hand(write):
    """Right responses 1, 2, 5 against wrong ones 0, 2, 3, row by row: 1 > 0 only; 2 > 0 only (2 = 2 is wrong); 5 > all.
    hard (1 > 2, 1 > 3, 2 > 3): 0. normal (1 > 0, 2 > 2, 5 > 3): 2/3. easy (2 > 0, 5 > 0, 5 > 2): 1."""
    scores = _score(write, ["chat"], [[1, 2, 5, 0, 2, 3]])
    assert [scores[f"chat/{level}"] for level in ("hard", "normal", "easy")] == pytest.approx([0, 2 / 3, 1])
    assert scores["chat"] == pytest.approx((0 + 2 / 3 + 1) / 3)


def test_hard_is_where_the_wrong_one_is_dressed_up_and_the_right_one_is_plain(write):
    """A reward that is nothing but the style's number wins all easy comparisons and no other; its opposite all hard ones."""
    dressed = _score(write, ["math"], [[0, 1, 2, 0, 1, 2]])
    plain = _score(write, ["math"], [[2, 1, 0, 2, 1, 0]])
    assert [dressed[name] for name in ("hard", "normal", "easy")] == [0, 0, 1]
    assert [plain[name] for name in ("hard", "normal", "easy")] == [1, 0, 0]


def test_domains_count_alike_and_both_kinds_of_safety_are_one(write):
    won, lost = [1, 1, 1, 0, 0, 0], [0, 0, 0, 1, 1, 1]
    domains = ["chat", "chat", "math", "code", "safety-refuse", "safety-refuse", "safety-response"]
    scores = _score(write, domains, [won, lost, lost, won, won, won, lost])
    assert [scores[name] for name in ("chat", "math", "code", "safety")] == pytest.approx([0.5, 0, 1, 2 / 3])
    assert [scores[name] for name in ("overall", "hard", "normal", "easy")] == pytest.approx([(0.5 + 0 + 1 + 2 / 3) / 4] * 4)
    assert (scores["safety/safety-refuse"], scores["safety/safety-response"]) == (1, 0)
    assert list(scores)[:8] == ["overall", "chat", "math", "code", "safety", "hard", "normal", "easy"]


def test_levels_are_means_over_domains_and_not_over_prompts(write):
    dressed, won = [0, 1, 2, 0, 1, 2], [1, 1, 1, 0, 0, 0]
    scores = _score(write, ["chat", "code", "code", "code"], [dressed, won, won, won])
    assert scores["hard"] == pytest.approx((0 + 1) / 2)
    assert scores["easy"] == pytest.approx(1)


def test_missing_and_unknown_domains_are_told(write):
    read = find_benchmark("rm-bench").read(write([_row("chat"), _row("law")]))
    result = read.score(np.array([1, 1, 1, 0, 0, 0, 0, 0, 0, 1, 1, 1]), bootstrap=0)
    assert result.scores["overall"].value == result.scores["hard"].value == 1
    assert result.scores["other/law"].value == 0
    assert "domains that RM-Bench does not have, which count nowhere: law" in result.notes
    assert [note for note in result.notes if "without" in note] == [
        "overall: without math, code, safety, of which there is no score here; not the published score"
    ]


def test_there_must_be_three_styles(write):
    with pytest.raises(DataError, match="row 2, column 'rejected': found '2 texts'; allowed: a list of 3 texts"):
        find_benchmark("rm-bench").read(write([_row("chat"), _row("chat") | {"rejected": ["a", "b"]}]))


def test_a_file_of_another_benchmark(write):
    with pytest.raises(DataError, match="row 1, column 'chosen': found 'a'; allowed: a list of 3 texts"):
        find_benchmark("rm-bench").read(write([{"prompt": "q", "chosen": "a", "rejected": "b", "subset": "math-prm"}]))


def _without_domain(name: str, count: int = 2):
    return [{key: value for key, value in _row(name, i).items() if key != "domain"} for i in range(count)]


@pytest.mark.parametrize("domain", ["chat", "code", "math", "safety-refuse", "safety-response"])
@pytest.mark.parametrize("ending", ["_filtered.json", ".jsonl"])
def test_a_file_of_one_domain_is_of_the_domain_in_its_name(write, domain: str, ending: str):
    read = find_benchmark("rm-bench").read(write(_without_domain(domain), domain + ending))
    assert {item.subset for item in read.items} == {domain}
    assert read.notes == [f"{domain}{ending}: all rows are of the domain {domain}, as the file's name says"]


def test_or_of_the_one_that_is_said(write):
    path = write(_without_domain("math"), "mine.json")
    with pytest.raises(DataError, match="there is no column 'domain', and the file is not called after one") as caught:
        find_benchmark("rm-bench").read(path)
    assert "--domain chat" in caught.value.fix
    read = find_benchmark("rm-bench", domain="math").read(path)
    assert {item.subset for item in read.items} == {"math"}
    assert read.notes == ["mine.json: all rows are of the domain math, as --domain says"]


def test_a_folder_of_the_files_is_the_whole_benchmark(write, tmp_path):
    names = ["chat", "code", "math", "safety-refuse", "safety-response"]
    for name in names:
        write(_without_domain(name), f"bench/{name}_filtered.json")
    (tmp_path / "bench" / "README.md").write_text("not read")
    read = find_benchmark("rm-bench").read(str(tmp_path / "bench"))
    assert sorted({item.subset for item in read.items}) == sorted(names)
    assert read.score(np.tile([1.0, 1, 1, 0, 0, 0], 10), bootstrap=0).scores["overall"].value == 1


def test_a_domain_that_there_is_not():
    with pytest.raises(ConfigError, match="there is no 'law'; allowed: chat, code, math"):
        find_benchmark("rm-bench", domain="law")
    with pytest.raises(ConfigError, match="only rm-bench has files of one domain"):
        find_benchmark("rewardbench", domain="chat")
