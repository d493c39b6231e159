"""The refusal to name one of several modes, with what would settle it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from probrm.errors import NotIdentifiedError
from probrm.runs.run import Run

_FIX = (
    "give explicit labels on some rows drawn at random (10 choose right in nine of ten logs, 50 practically always), say what you know "
    "(--assume base-rate=0.4±0.1, --assume 'code_block raises propensity'), or give the propensity covariates that the reward does not see "
    "(--propensity-features) and keep the embedding from it (model.share_embedding = false)"
)


def not_identified(verdict: Mapping[str, Any], runs: Sequence[Run]) -> NotIdentifiedError:
    """The error for a fit with several tied modes.

    Args:
        verdict: the section ``identifiability``.
        runs: one a mode.
    """
    modes = [mode for mode in verdict["modes"] if mode["tied"]]
    if len(modes) > 1:
        told = "; ".join(
            f"mode {i}: base rate {mode['base_rate']:.2f}, log-likelihood {mode['log_likelihood']:.2f}" for i, mode in enumerate(modes, 1)
        )
        what = (
            f"the log does not identify the rewards: {len(modes)} reward models explain its actions equally well and rank the answers differently "
            f"(rank correlation {modes[1]['agreement']:.2f}; {told})"
        )
    else:
        what = f"the log does not identify the rewards: {verdict['reasons'][-1]}"
    return NotIdentifiedError(what, fix=_FIX, modes=runs)
