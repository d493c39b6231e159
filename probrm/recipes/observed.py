"""What a file observed of its answers, as the choice of an encoder's layer takes it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from probrm.data import Conversation, FeatureMap, Log, Pairs
from probrm.encoders import Observed
from probrm.recipes.logs.action_inputs import action_columns, fit_actions
from probrm.recipes.pairs.inputs import prompt_conversation


def observed_actions(log: Log, texts: Sequence[Conversation]) -> Observed | None:
    """The actions of a log, of several the naive one; None where it has none. ``texts`` are encoded, the log's among them."""
    if log.action is None and not log.actions:
        return None
    return Observed(
        answer=_places(log.conversations, texts),
        group=_codes([c.prompt_text for c in log.conversations]),
        outcome=action_columns(log, fit_actions(log))["action"].double().numpy(),
        weight=log.weight.astype(np.float64),
        covariates=FeatureMap.fit(log.propensity).transform(log.propensity).astype(np.float64),
        user=None if log.user is None else _codes(log.user),
    )


def observed_pairs(pairs: Pairs, texts: Sequence[Conversation], *, prompts: bool) -> Observed:
    """Which response of each pair is preferred. ``texts`` are encoded, both sides of all pairs among them.

    Args:
        pairs: m of them.
        texts: as they are encoded.
        prompts: whether each prompt alone is among them too.
    """
    return Observed(
        answer=_places(pairs.chosen, texts),
        other=_places(pairs.rejected, texts),
        prompt=_places([prompt_conversation(c, "pair") for c in pairs.chosen], texts) if prompts else None,
        group=_codes([c.prompt_text for c in pairs.chosen]),
        outcome=pairs.outcome.astype(np.float64),
        weight=pairs.weight.astype(np.float64),
    )


def _places(wanted: Sequence[Conversation], texts: Sequence[Conversation]) -> np.ndarray:
    places = {text: at for at, text in enumerate(texts)}
    return np.array([places[text] for text in wanted], dtype=np.int64)


def _codes(values: Sequence[str] | np.ndarray) -> np.ndarray:
    return np.unique(np.asarray(values, dtype=object).astype(str), return_inverse=True)[1].astype(np.int64)
