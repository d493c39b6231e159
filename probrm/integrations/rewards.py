"""Rewards of a trainer's completions: means, or bounds that count what is not known of an answer against it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from probrm.data import Batch, Conversation
from probrm.data.conversation import conversations_of
from probrm.errors import ConfigError
from probrm.posterior import RISKS, Rewards, Risk
from probrm.recipes.ranking import rankings
from probrm.runs import Run, find_recipe, load

RUN, RISK = "PROBRM_RUN", "PROBRM_RISK"
"""Environment variables that name the run and the risk where a trainer's command line takes a function and no arguments of it."""


@dataclass(frozen=True)
class Scorer:
    """What trainers ask a run for.

    Attributes:
        run: fitted; texts suffice for its reward.
        risk: ``mean``, or ``lower``: the mean reward of the prompt's completions plus the lower 5 % bound of the difference from it.
    """

    run: Run
    risk: Risk = "mean"

    @classmethod
    def of(cls, run: Run | str | Path, risk: str = "mean") -> Scorer:
        """Of a run or of its folder.

        Raises:
            ConfigError: no such risk, or a run whose reward needs more than texts.
            RunError: no run there.
        """
        allowed: Any = next((known for known in RISKS if known == risk), None)
        if allowed is None:
            raise ConfigError(f"risk {risk!r}: no such choice; allowed: {', '.join(RISKS)}", fix="risk='mean', or risk='lower'")
        return cls(run if isinstance(run, Run) else load(run), allowed)

    @classmethod
    def from_environment(cls) -> Scorer:
        """Of the run that ``PROBRM_RUN`` names, at the risk that ``PROBRM_RISK`` names.

        Raises:
            ConfigError: there is no such variable.
        """
        folder = os.environ.get(RUN)
        if not folder:
            raise ConfigError(
                f"the environment variable {RUN} is not set", fix=f"export {RUN}=runs/mine, the folder that probrm fit printed"
            )
        return _opened(folder, os.environ.get(RISK) or "mean")

    def __call__(self, prompts: Sequence[Any], completions: Sequence[Any]) -> tuple[np.ndarray, Rewards]:
        """The reward that is trained on, and all that is known of each completion.

        Args:
            prompts: n texts or lists of messages; completions of equal prompts belong together.
            completions: n texts or lists of an assistant's messages.

        Raises:
            DataError: something else.
        """
        texts = conversations_of(list(prompts), [_answer(completion) for completion in completions])
        recipe = find_recipe(self.run.kind)
        batch = recipe.text_batch(self.run, texts)
        found = recipe.batch_rewards(self.run, batch)
        return (found.reward if self.risk == "mean" else self._lower(texts, batch, found)), found

    def _lower(self, texts: Sequence[Conversation], batch: Batch, found: Rewards) -> np.ndarray:
        groups: dict[Any, list[int]] = {}
        for i, text in enumerate(texts):
            groups.setdefault(text.prompt, []).append(i)
        rows = [np.array(group) for group in groups.values()]
        reward = np.array(found.reward)
        for group, ranking in zip(rows, rankings(self.run, batch, texts, rows, risk="lower"), strict=True):
            # Alone, an answer has nothing to be compared with: its own bound then.
            reward[group] = reward[group].mean() + ranking.advantage_low if len(group) > 1 else found.reward_low[group]
        return reward


@lru_cache(maxsize=1)
def _opened(folder: str, risk: str) -> Scorer:
    """Read once, and not at every call of a trainer."""
    return Scorer.of(folder, risk)


def _answer(completion: Any) -> Any:
    """A completion of several messages (tool calls between them) is judged by its last."""
    return completion[-1] if isinstance(completion, list) and completion else completion
