"""A reward for verl: ``reward.custom_reward_function.path=…/verl.py``, ``reward.custom_reward_function.name=compute_score``.

The form is that of verl 0.9 (https://verl.readthedocs.io, "Implement Reward Function for Dataset"); nothing of verl is imported. verl hands a function no
prompt: the data set has to carry it in ``extra_info``. The run is named by ``PROBRM_RUN``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from probrm.errors import DataError
from probrm.integrations.rewards import Scorer

_PROMPT = ("prompt", "question", "messages", "raw_prompt")
"""Names of the prompt in ``extra_info``."""


def compute_score(
    data_source: str, solution_str: str, ground_truth: Any = None, extra_info: Mapping[str, Any] | None = None, **given: Any
) -> dict[str, float]:
    """The reward of one answer.

    Args:
        data_source: not used.
        solution_str: the answer.
        ground_truth: not used.
        extra_info: with the prompt, text or messages, under ``prompt``, ``question``, ``messages`` or ``raw_prompt``.
        given: not used.

    Returns:
        ``score``, which is trained on; ``reward_sd``, ``reward_low`` and ``reward_high``, which verl logs.

    Raises:
        DataError: there is no prompt.
        ConfigError: ``PROBRM_RUN`` is not set.
    """
    info = extra_info or {}
    prompt = next((info[name] for name in _PROMPT if info.get(name) is not None), None)
    if prompt is None:
        raise DataError(
            f"extra_info of {data_source!r} has no prompt: found {', '.join(map(str, info)) or 'nothing'}; allowed: one of {', '.join(_PROMPT)}",
            fix="write the prompt into extra_info when the data set is made",
        )
    rewards, found = Scorer.from_environment()([list(prompt) if not isinstance(prompt, str) else prompt], [solution_str])
    told = {name: float(getattr(found, name)[0]) for name in ("reward_sd", "reward_low", "reward_high")}
    return {"score": float(rewards[0]), **told}
