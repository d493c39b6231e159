"""Covariates made from the texts: what a reader sees of an answer before judging it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from probrm.data.conversation import Conversation

_ITEM = re.compile(r"^[ \t]*(?:[-*+•]|\d{1,3}[.)])[ \t]+\S", re.MULTILINE)


def length(conversations: Sequence[Conversation]) -> np.ndarray:
    """log(1 + characters of the response): a few very long answers should not carry the whole scale."""
    return np.log1p(np.fromiter((len(c.response) for c in conversations), dtype=np.float64, count=len(conversations)))


def code_block(conversations: Sequence[Conversation]) -> np.ndarray:
    """Whether the response has a fenced code block, which comes with a copy button in most surfaces."""
    return _flags("```" in c.response for c in conversations)


def has_list(conversations: Sequence[Conversation]) -> np.ndarray:
    """Whether the response has a bulleted or numbered list of at least two items."""
    return _flags(len(_ITEM.findall(c.response)) >= 2 for c in conversations)


def question(conversations: Sequence[Conversation]) -> np.ndarray:
    """Whether the last message of the prompt asks something, that is, has a question mark in it."""
    return _flags("?" in (c.prompt if isinstance(c.prompt, str) else c.prompt[-1][1]) for c in conversations)


DERIVED: dict[str, Callable[[Sequence[Conversation]], np.ndarray]] = {
    "length": length,
    "code_block": code_block,
    "list": has_list,
    "question": question,
}
"""What ``--derive`` can name."""


def derive(conversations: Sequence[Conversation], names: Sequence[str]) -> pd.DataFrame:
    """The named covariates, one column each: ``length`` a number, the others bool."""
    return pd.DataFrame({name: DERIVED[name](conversations) for name in names}, index=pd.RangeIndex(len(conversations)))


def _flags(values: object) -> np.ndarray:
    return np.fromiter(values, dtype=bool)  # type: ignore[call-overload]
