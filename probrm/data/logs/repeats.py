"""Answers that a log shows several times."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from probrm.data.conversation import Conversation


def repeated_answers(conversations: Sequence[Conversation]) -> np.ndarray:
    """int64 (n,): which of the answers that occur several times each row shows, −1 where its answer occurs once.

    The same answer is the same text after the same prompt; answers are counted in the order of their first rows.
    """
    codes, _ = pd.factorize(pd.MultiIndex.from_tuples([(c.prompt_text, c.response) for c in conversations]))
    several = np.bincount(codes) > 1
    number = np.where(several, np.cumsum(several) - 1, -1)
    return number[codes].astype(np.int64)
