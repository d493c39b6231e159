"""What contradicts a choice: scores of both sides, and the same pair preferred the other way round."""

from __future__ import annotations

import numpy as np

from probrm.data.conversation import Conversation
from probrm.data.pairs.pairs import Pairs
from probrm.errors import DataError


def check_scores(
    difference: np.ndarray, outcome: np.ndarray, *, source: str, choice: str, scores: str, fix: str, most: float = 0.5
) -> None:
    """Refuses a choice that scores contradict in most rows: then one of them is read the wrong way round.

    Args:
        difference: (m,) score of the preferred side less that of the other, NaN where missing.
        outcome: (m,) 1, or 0.5 for ties, which say nothing.
        source: the file, for messages.
        choice: what says which side is preferred.
        scores: what the scores are called.
        fix: how to correct it.
        most: the share of the rows from which on it is refused.

    Raises:
        DataError: more than that share of the rows with different scores contradict the choice.
    """
    telling = (outcome != 0.5) & ~np.isnan(difference) & (difference != 0)
    against = int((difference[telling] < 0).sum())
    if against > most * int(telling.sum()):
        raise DataError(
            f"{source}: {choice} contradicts {scores} in {against} of {int(telling.sum())} rows; allowed: a preference that goes with the "
            "scores in most rows",
            fix=fix,
        )


def contradictions(pairs: Pairs) -> tuple[int, tuple[int, int] | None]:
    """How many pairs of responses are preferred once this way and once the other way, and the positions of the first two pairs that are."""
    seen: dict[tuple[str, str, str], int] = {}
    both: set[tuple[str, str, str]] = set()
    first: tuple[int, int] | None = None
    for position, (chosen, rejected) in enumerate(zip(pairs.chosen, pairs.rejected, strict=True)):
        if pairs.outcome[position] == 0.5:
            continue
        key, back = _key(chosen, rejected), _key(rejected, chosen)
        if back in seen and back not in both and key not in both:
            both.add(key)
            first = first or (seen[back], position)
        seen.setdefault(key, position)
    return len(both), first


def note_contradictions(pairs: Pairs) -> None:
    """Notes how many pairs of responses are preferred once this way and once the other way."""
    count, first = contradictions(pairs)
    if first is not None:
        rows = " and ".join(str(pairs.rows[i] + 1) for i in first)
        pairs.notes.append(
            f"contradictory: {count} pairs of responses are preferred once this way and once the other (the first: rows {rows})"
        )


def _key(chosen: Conversation, rejected: Conversation) -> tuple[str, str, str]:
    return chosen.prompt_text, chosen.response.strip(), rejected.response.strip()
