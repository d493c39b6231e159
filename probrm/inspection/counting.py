"""Numbers that a log and pairs have alike."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from probrm.data import Conversation
from probrm.data.columns.roles import ANONYMOUS

_DROPPED = ("dropped:", "left out:")


def spread(values: Iterable[float]) -> dict[str, float]:
    """``median``, ``p90`` and ``max``; zeros of nothing."""
    found = np.asarray(list(values), dtype=float)
    if not len(found):
        return {"median": 0.0, "p90": 0.0, "max": 0.0}
    median, p90 = np.quantile(found, [0.5, 0.9])
    return {"median": float(median), "p90": float(p90), "max": float(found.max())}


def lengths(prompts: Sequence[Conversation], responses: Sequence[Conversation]) -> dict[str, dict[str, dict[str, float]]]:
    """Words and characters of prompts and of responses."""
    texts = {"prompt": [c.prompt_text for c in prompts], "response": [c.response for c in responses]}
    return {
        name: {"words": spread(len(text.split()) for text in found), "characters": spread(map(len, found))} for name, found in texts.items()
    }


def rows_of_each(keys: Iterable[Hashable]) -> dict[str, float]:
    """How many distinct ones there are, and how many rows one has."""
    counts = pd.Series(list(keys), dtype=object).value_counts().to_numpy()
    found = spread(counts)
    return {"count": len(counts), "median": found["median"], "max": int(found["max"])}


def users_of(user: np.ndarray | None) -> dict[str, Any] | None:
    """How many users there are, without the rows that name none."""
    if user is None:
        return None
    known = user[user != ANONYMOUS]
    return {**rows_of_each(known), "anonymous": len(user) - len(known)}


def repeated(keys: Iterable[Hashable]) -> int:
    """How many of them stood there before."""
    return int(pd.Series(list(keys), dtype=object).duplicated().sum())


def sorted_notes(notes: Sequence[str]) -> Mapping[str, list[str]]:
    """What is dropped, and all notes."""
    return {"dropped": [note for note in notes if note.startswith(_DROPPED)], "notes": list(notes)}
