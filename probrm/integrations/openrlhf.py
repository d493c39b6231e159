"""A reward for OpenRLHF: ``--reward.remote_url`` names this file, ``PROBRM_RUN`` the run.

The form is that of OpenRLHF 0.11 (https://openrlhf.readthedocs.io, "Reinforced Fine-tuning"); nothing of it is imported. Queries are a policy's whole
texts, special tokens among them: they are read back into messages.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from probrm.errors import DataError
from probrm.integrations.chat_texts import read_chat
from probrm.integrations.rewards import Scorer


def reward_func(queries: Sequence[str], prompts: Sequence[str], labels: Sequence[Any] | None = None, **given: Any) -> dict[str, Any]:
    """Rewards of n queries.

    Args:
        queries: n texts, each a prompt with its answer.
        prompts: the same n prompts.
        labels: not used.
        given: not used.

    Returns:
        ``rewards`` ``(n,)``; ``scores`` ``(n,)``, probabilities that the answer is preferred, by which OpenRLHF filters; ``extra_logs`` with ``reward_sd``.

    Raises:
        DataError: a query does not begin with its prompt, or has marks of a chat template that is not known.
        ConfigError: ``PROBRM_RUN`` is not set.
    """
    texts = answers_of(queries, prompts)
    rewards, found = Scorer.from_environment()([prompt for prompt, _ in texts], [answer for _, answer in texts])
    return {
        "rewards": torch.from_numpy(np.asarray(rewards, np.float32)),
        "scores": torch.from_numpy(found.probability),
        "extra_logs": {"reward_sd": torch.from_numpy(found.reward_sd)},
    }


def answers_of(queries: Sequence[str], prompts: Sequence[str]) -> list[tuple[Any, str]]:
    """Each query's prompt, as messages where a template wrote it, and its answer.

    Raises:
        DataError: as ``reward_func``.
    """
    found = []
    for i, (query, prompt) in enumerate(zip(queries, prompts, strict=True)):
        if not query.startswith(prompt):
            raise DataError(f"query {i}: it does not begin with its prompt", fix="give queries and prompts as OpenRLHF has them")
        try:
            found.append((read_chat(prompt), read_chat(query[len(prompt) :], answer=True)))
        except DataError as error:
            raise DataError(f"query {i}: {error.what}", fix=error.fix) from None
    return found
