"""Reward functions for TRL's GRPO and RLOO.

In code ``GRPOTrainer(reward_funcs=reward_function("runs/mine", risk="lower"), …)``; on its command line
``PROBRM_RUN=runs/mine trl grpo --reward_funcs probrm.integrations.trl.reward``. The form is that of TRL 1.16
("GRPO Trainer" in its documentation, "Using a custom reward function"); nothing of TRL is imported.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from probrm.errors import ConfigError
from probrm.integrations.rewards import Scorer
from probrm.runs import Run

RewardFunction = Callable[..., list[float | None]]


def reward_function(run: Run | str | Path, *, risk: str = "mean", max_sd: float | None = None) -> RewardFunction:
    """A function that TRL calls with ``prompts`` and ``completions``.

    Its name, which the trainer's logs carry, is ``probrm_mean`` or ``probrm_lower``. It logs ``reward_low``, ``reward_high`` and ``reward_sd`` of each
    completion, and the mean of the last as a metric.

    Args:
        run: fitted, or its folder; texts suffice for its reward.
        risk: ``mean``; or ``lower``, which counts what is not known of a completion, compared with the others of its prompt, against it: a
            policy finds answers of which the reward is high because nothing is known of them.
        max_sd: no reward (None, which TRL skips) for completions whose reward has a larger posterior standard deviation, logits.

    Raises:
        ConfigError: a value that is not allowed, or a run whose reward needs more than texts.
        RunError: no run there.
    """
    if max_sd is not None and not max_sd > 0:
        raise ConfigError(f"max_sd is {max_sd}; allowed: numbers above 0", fix="leave it out to reward every completion")
    scorer = Scorer.of(run, risk)

    def rewards(
        prompts: Sequence[Any],
        completions: Sequence[Any],
        completion_ids: Any = None,
        trainer_state: Any = None,
        log_extra: Callable[[str, list[Any]], None] | None = None,
        log_metric: Callable[[str, float], None] | None = None,
        **columns: Any,
    ) -> list[float | None]:
        reward, found = scorer(prompts, completions)
        if log_extra is not None:
            for name in ("reward_low", "reward_high", "reward_sd"):
                log_extra(name, getattr(found, name).tolist())
        if log_metric is not None:
            log_metric("reward_sd", float(np.mean(found.reward_sd)))
        known = np.ones(len(reward), bool) if max_sd is None else found.reward_sd <= max_sd
        return [value if kept else None for value, kept in zip(reward.tolist(), known.tolist(), strict=True)]

    rewards.__name__ = rewards.__qualname__ = f"probrm_{scorer.risk}"
    return rewards


def reward(prompts: Sequence[Any], completions: Sequence[Any], **given: Any) -> list[float | None]:
    """The reward of the run that ``PROBRM_RUN`` names, at the risk that ``PROBRM_RISK`` names (mean).

    Raises:
        ConfigError: there is no such variable.
    """
    scorer = Scorer.from_environment()
    return reward_function(scorer.run, risk=scorer.risk)(prompts, completions, **given)
