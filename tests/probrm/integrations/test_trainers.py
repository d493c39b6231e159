"""OpenRLHF's and verl's forms, as their trainers call them: by a file's path, with the arguments that they publish."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import probrm.integrations
from probrm.errors import ConfigError, DataError
from probrm.integrations.rewards import RUN
from tests.small_runs import tiny_run

ROOM = Path(probrm.integrations.__file__).parent


@pytest.fixture
def by_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Any]:
    """Loads a file of the room as trainers do, with a run named."""
    tiny_run("bert").save(tmp_path / "run")
    monkeypatch.setenv(RUN, str(tmp_path / "run"))

    def load(name: str) -> Any:
        spec = importlib.util.spec_from_file_location("reward_of_a_trainer", ROOM / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return load


def test_openrlhf(by_path: Any) -> None:
    prompts = ["<|im_start|>user\nWhat is 3 + 4?<|im_end|>\n<|im_start|>assistant\n", "plain text: "]
    queries = [prompts[0] + "The answer is 7.<|im_end|>", prompts[1] + "Sorry"]
    function = by_path("openrlhf").reward_func
    found = function(queries, prompts, ["7", ""], trainer="anything")
    expected = tiny_run("bert").reward(["What is 3 + 4?", "plain text: "], ["The answer is 7.", "Sorry"])
    np.testing.assert_allclose(found["rewards"], expected.reward, atol=1e-6)
    np.testing.assert_allclose(found["scores"], expected.probability, atol=1e-6)
    np.testing.assert_allclose(found["extra_logs"]["reward_sd"], expected.reward_sd, atol=1e-6)
    assert all(isinstance(value, torch.Tensor) for value in (found["rewards"], found["scores"]))
    with pytest.raises(DataError, match="query 0: it does not begin with its prompt"):
        function(["another"], prompts[:1], [""])


def test_verl(by_path: Any) -> None:
    function = by_path("verl").compute_score
    expected = tiny_run("bert").reward("What is 3 + 4?", "The answer is 7.")
    for info in ({"prompt": "What is 3 + 4?", "index": 3}, {"messages": np.array([{"role": "user", "content": "What is 3 + 4?"}])}):
        found = function(data_source="sums", solution_str="The answer is 7.", ground_truth="7", extra_info=info, more=1)
        assert found["score"] == pytest.approx(float(expected.reward[0]), abs=1e-6)
        assert found["reward_sd"] == pytest.approx(float(expected.reward_sd[0]), abs=1e-6)
        assert all(isinstance(value, float) for value in found.values())
    with pytest.raises(DataError, match="extra_info of 'sums' has no prompt: found index"):
        function("sums", "7", "7", {"index": 3})


@pytest.mark.parametrize("name", ["openrlhf", "verl"])
def test_no_run_is_named(name: str, by_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(RUN)
    module = by_path(name)
    with pytest.raises(ConfigError, match=RUN):
        module.reward_func(["a"], ["a"], [""]) if name == "openrlhf" else module.compute_score("s", "a", "", {"prompt": "b"})
