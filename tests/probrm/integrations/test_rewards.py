"""What trainers train on: the run's means, or bounds within a prompt."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from probrm.errors import ConfigError, DataError, RunError
from probrm.integrations.rewards import RISK, RUN, Scorer
from tests.small_runs import tiny_run

PROMPTS = ["What is 3 + 4?", "Hi", "What is 3 + 4?", "What is 3 + 4?", "alone"]
COMPLETIONS = ["The answer is 7.", "Hello", "Sorry, no idea. Maybe 9?", "seven", "Sorry"]


def test_the_mean_is_the_runs() -> None:
    run = tiny_run("bert")
    reward, found = Scorer.of(run)(PROMPTS, COMPLETIONS)
    np.testing.assert_array_equal(reward, run.reward(PROMPTS, COMPLETIONS).reward)
    assert (found.reward_low < reward).all()


def test_the_lower_bound_is_that_of_the_difference_from_the_prompts_answers() -> None:
    """What is unknown of all of them alike does not count; an answer alone has its own bound."""
    run = tiny_run("bert")
    reward, found = Scorer.of(run, "lower")(PROMPTS, COMPLETIONS)
    group = [0, 2, 3]
    ranking = run.best_of_n(PROMPTS[0], [COMPLETIONS[i] for i in group], risk="lower")
    np.testing.assert_allclose(reward[group], found.reward[group].mean() + ranking.advantage_low, atol=1e-4)
    np.testing.assert_array_equal(reward[[1, 4]], found.reward_low[[1, 4]])
    assert (reward < found.reward).all()
    other, _ = Scorer.of(run, "lower")(PROMPTS[::-1], COMPLETIONS[::-1])
    np.testing.assert_allclose(other[::-1], reward, atol=1e-4)


def test_messages_and_texts_are_one_prompt() -> None:
    run = tiny_run("bert")
    chats = [[{"role": "user", "content": prompt}] for prompt in PROMPTS]
    answers = [[{"role": "assistant", "content": "a tool was asked"}, {"role": "assistant", "content": text}] for text in COMPLETIONS]
    np.testing.assert_allclose(Scorer.of(run)(chats, answers)[0], Scorer.of(run)(PROMPTS, COMPLETIONS)[0], atol=1e-6)
    with pytest.raises(DataError, match="a response"):
        Scorer.of(run)(["a"], [7])


def test_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=RUN):
        Scorer.from_environment()
    monkeypatch.setenv(RUN, str(tmp_path / "nowhere"))
    with pytest.raises(RunError, match="nowhere"):
        Scorer.from_environment()
    tiny_run("bert").save(tmp_path / "run")
    monkeypatch.setenv(RUN, str(tmp_path / "run"))
    assert Scorer.from_environment().risk == "mean"
    monkeypatch.setenv(RISK, "lower")
    assert Scorer.from_environment().risk == "lower"
    monkeypatch.setenv(RISK, "higher")
    with pytest.raises(ConfigError, match=r"'higher'.*mean, lower"):
        Scorer.from_environment()
