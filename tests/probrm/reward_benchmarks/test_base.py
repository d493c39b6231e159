from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

from probrm.errors import ConfigError, DataError
from probrm.reward_benchmarks import benchmark_names, find_benchmark


def _rows(n: int, prompts: int):
    return [{"prompt": f"q{i % prompts}", "chosen": "a", "rejected": "b", "subset": "llmbar-natural"} for i in range(n)]


def test_names():
    assert benchmark_names() == ["rewardbench", "rewardbench-2", "rm-bench", "rmb"]
    assert [find_benchmark(name).name for name in benchmark_names()] == benchmark_names()


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(ConfigError) as caught:
        find_benchmark("reward-bench")
    assert "'reward-bench'" in caught.value.what
    assert "rewardbench, rewardbench-2, rm-bench, rmb" in caught.value.what
    assert "did you mean" in caught.value.fix


def test_the_json(write):
    rewards = np.random.default_rng(0).normal(size=200)
    result = find_benchmark("rewardbench").read(write(_rows(100, 40))).score(rewards, bootstrap=50)
    told = json.loads(json.dumps(result.to_dict(), allow_nan=False))
    assert list(told) == ["benchmark", "items", "scores", "notes"]
    assert (told["benchmark"], told["items"]) == ("rewardbench", 100)
    assert list(told["scores"]) == ["overall", "Chat Hard", "Chat Hard/llmbar-natural"]
    assert all(score["low"] <= score["value"] <= score["high"] for score in told["scores"].values())


def test_intervals_draw_prompts(write):
    """100 items on 25 prompts whose four items go together: the binomial width of 25 observations, not of 100."""
    right = np.repeat(np.random.default_rng(1).random(25) < 0.6, 4)
    rows = sorted(_rows(100, 25), key=lambda row: row["prompt"])
    rewards = np.stack([right, ~right], axis=1).astype(float).ravel()
    drawn = find_benchmark("rewardbench").read(write(rows)).score(rewards, bootstrap=2000).scores["overall"]
    p = right.mean()
    assert drawn.high - drawn.low == pytest.approx(2 * 1.645 * np.sqrt(p * (1 - p) / 25), rel=0.2)


def test_a_blend_s_interval_is_that_of_independent_sections(write):
    """Overall is the mean of two sections of 400 prompts each: variances add, over 4. Both are resampled together."""
    generator = np.random.default_rng(2)
    rows = _rows(400, 400) + [{**row, "prompt": f"other {row['prompt']}", "subset": "donotanswer"} for row in _rows(400, 400)]
    rewards = generator.normal(size=(800, 2))
    rewards[:, 0] += np.repeat([1.0, 0.2], 400)
    result = find_benchmark("rewardbench").read(write(rows)).score(rewards.ravel(), bootstrap=1000)
    widths = {name: metric.high - metric.low for name, metric in result.scores.items()}
    assert widths["overall"] == pytest.approx(np.hypot(widths["Chat Hard"], widths["Safety"]) / 2, rel=0.1)


def test_few_prompts_are_told(write):
    read = find_benchmark("rewardbench").read(write([*_rows(30, 30), {**_rows(1, 1)[0], "prompt": "one", "subset": "donotanswer"}]))
    result = read.score(np.tile([1.0, 0.0], 31), bootstrap=20)
    reason = "no interval: there is only one of the prompts that the bootstrap draws from"
    assert result.scores["Safety"].reason == result.scores["Safety/donotanswer"].reason == reason
    assert np.isnan(result.scores["Safety"].low)
    small = find_benchmark("rewardbench").read(write(_rows(5, 5))).score(np.tile([1.0, 0.0], 5), bootstrap=20)
    assert "only 5 prompts to draw from: the intervals are too narrow" in small.notes


def test_rewards_are_checked(write):
    read = find_benchmark("rewardbench").read(write(_rows(2, 2)))
    with pytest.raises(ValueError, match=r"rewards have shape \(3,\); expected \(4,\)"):
        read.score(np.zeros(3))
    with pytest.raises(DataError, match="the reward of response 3 of 4 is nan"):
        read.score(np.array([0, 0, np.nan, 0]))
    with pytest.raises(ConfigError, match="bootstrap"):
        read.score(np.zeros(4), bootstrap=-1)


def test_a_file_of_nothing_known_has_no_overall_score_and_says_why(write):
    rows = [{**row, "subset": "mine"} for row in _rows(2, 2)]
    result = find_benchmark("rewardbench").read(write(rows)).score(np.zeros(4), bootstrap=5)
    assert np.isnan(result.scores["overall"].value)
    assert "overall: none of Chat, Chat Hard, Safety, Reasoning is in the file" in result.notes


def test_importing_the_room_loads_nothing_heavy():
    code = "import sys, probrm.reward_benchmarks as b; assert not {'sklearn', 'pandas', 'torch', 'numpy', 'pyarrow'} & set(sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
