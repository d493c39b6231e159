"""TRL's form, and a GRPO run with it."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from probrm.errors import ConfigError
from probrm.integrations import trl as ours
from probrm.integrations.rewards import RUN
from tests.small_models import byte_level
from tests.small_runs import tiny_run

PROMPTS = ["What is 3 + 4?", "What is 3 + 4?"]
COMPLETIONS = ["The answer is 7.", "Sorry"]


class Logged:
    """What a trainer's hooks got."""

    def __init__(self) -> None:
        self.extra: dict[str, list[Any]] = {}
        self.metrics: dict[str, float] = {}

    def call(self, function: Any, **more: Any) -> list[float | None]:
        return function(
            prompts=PROMPTS,
            completions=COMPLETIONS,
            completion_ids=[[1], [2]],
            trainer_state=None,
            log_extra=self.extra.__setitem__,
            log_metric=self.metrics.__setitem__,
            answer=["7", "7"],
            **more,
        )


def test_the_form() -> None:
    run, logged = tiny_run("bert"), Logged()
    function = ours.reward_function(run)
    expected = run.reward(PROMPTS, COMPLETIONS)
    assert logged.call(function) == expected.reward.tolist()
    assert function.__name__ == "probrm_mean"
    assert logged.extra == {name: getattr(expected, name).tolist() for name in ("reward_low", "reward_high", "reward_sd")}
    assert logged.metrics == {"reward_sd": pytest.approx(expected.reward_sd.mean())}
    lower = ours.reward_function(run, risk="lower")
    assert lower.__name__ == "probrm_lower"
    assert all(low < high for low, high in zip(Logged().call(lower), expected.reward, strict=True) if low is not None)
    assert function(PROMPTS, COMPLETIONS) == expected.reward.tolist()


def test_no_reward_where_too_little_is_known() -> None:
    run = tiny_run("bert")
    sd = run.reward(PROMPTS, COMPLETIONS).reward_sd
    found = Logged().call(ours.reward_function(run, max_sd=float(sd.mean())))
    assert [value is None for value in found] == (sd > sd.mean()).tolist()
    for wrong in (0, -1.0, math.nan):
        with pytest.raises(ConfigError, match="max_sd"):
            ours.reward_function(run, max_sd=wrong)
    with pytest.raises(ConfigError, match="'highest'"):
        ours.reward_function(run, risk="highest")


def test_the_function_of_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = tiny_run("bert")
    run.save(tmp_path / "run")
    monkeypatch.setenv(RUN, str(tmp_path / "run"))
    np.testing.assert_allclose(np.array(Logged().call(ours.reward), float), run.reward(PROMPTS, COMPLETIONS).reward, atol=1e-6)


@pytest.mark.filterwarnings("ignore")  # TRL's own, of transformers' names
@pytest.mark.parametrize("risk", ["mean", "lower"])
def test_a_run_of_grpo(risk: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two steps with a tiny policy: the rewards in its log are the run's of the completions that it drew."""
    trl = pytest.importorskip("trl")
    from datasets import Dataset
    from transformers import LlamaConfig, LlamaForCausalLM

    tokenizer = byte_level("$A", "$A $B", ["<eos>", "<pad>"], eos_token="<eos>", pad_token="<pad>")
    config: dict[str, Any] = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    torch.manual_seed(0)
    policy = LlamaForCausalLM(LlamaConfig(vocab_size=len(tokenizer), max_position_embeddings=64, **config))
    function, seen = ours.reward_function(tiny_run("bert"), risk=risk), []

    def spied(**given: Any) -> list[float | None]:
        found = function(**given)
        seen.append((given["prompts"], given["completions"], found))
        return found

    spied.__name__ = function.__name__
    settings: dict[str, Any] = {"num_generations": 4, "max_completion_length": 6, "max_steps": 2, "learning_rate": 1e-2}
    quiet: dict[str, Any] = {"report_to": [], "logging_steps": 1, "save_strategy": "no", "use_cpu": True, "disable_tqdm": True}
    trainer = trl.GRPOTrainer(
        model=policy,
        reward_funcs=spied,
        args=trl.GRPOConfig(output_dir=str(tmp_path), per_device_train_batch_size=4, seed=0, **settings, **quiet),
        train_dataset=Dataset.from_dict({"prompt": ["What is 3 + 4?", "Hi"], "answer": ["7", ""]}),
        processing_class=tokenizer,
    )
    before = {name: value.clone() for name, value in policy.named_parameters()}
    trainer.train()
    logged = [entry for entry in trainer.state.log_history if f"rewards/probrm_{risk}/mean" in entry]
    assert len(logged) == len(seen) == 2
    for entry, (prompts, completions, found) in zip(logged, seen, strict=True):
        assert entry[f"rewards/probrm_{risk}/mean"] == pytest.approx(np.mean(np.array(found, float)), abs=1e-4)
        assert entry["reward_sd"] > 0
        if risk == "mean":
            np.testing.assert_allclose(np.array(found, float), tiny_run("bert").reward(prompts, completions).reward, atol=1e-5)
    assert any(not torch.equal(value, before[name]) for name, value in policy.named_parameters())
