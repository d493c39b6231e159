"""Preference pairs as arrays."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace

import numpy as np
import pyarrow as pa

from probrm.data.conversation import Conversation
from probrm.data.how_read import HowRead


@dataclass(frozen=True)
class Pairs:
    """Pairs of responses to the same prompt, m of them, each with the side that somebody preferred.

    Attributes:
        source: what was read.
        chosen: m prompts with the preferred response.
        rejected: the same m prompts with the other one.
        outcome: float32 (m,): 1 where chosen is preferred, 0.5 where neither is (kept only with ``ties="davidson"``).
        weight: float32 (m,), positive and finite, ones by default.
        margin: float32 (m,), by how much chosen is better in the file's own unit, NaN where missing; None without.
        user: object (m,) of str; None without a user column, or with a single user in pairs to be fitted.
        subset: object (m,) of str, for accuracy by subset; None without such a column.
        attributes: names of the K' attributes that are scored on both sides.
        chosen_scores: float32 (m, K'), NaN where missing; None without attributes.
        rejected_scores: float32 (m, K'), likewise.
        row_id: object (m,) of str, all different: column ``id``, else the 0-based position in the file; ``"a>b"`` (``"a=b"`` for a
            tie) from those of the two responses where pairs were made from ratings.
        rows: int64 (m,), 0-based positions in the file; of the chosen response where pairs were made from ratings.
        notes: what a user should know about the reading, one sentence each.
        table: the file as read, all rows.
        how: the form of the file, what became of its columns, and what decides a preference.
    """

    source: str
    chosen: list[Conversation]
    rejected: list[Conversation]
    outcome: np.ndarray
    weight: np.ndarray
    margin: np.ndarray | None
    user: np.ndarray | None
    subset: np.ndarray | None
    attributes: tuple[str, ...]
    chosen_scores: np.ndarray | None
    rejected_scores: np.ndarray | None
    row_id: np.ndarray
    rows: np.ndarray
    notes: list[str]
    table: pa.Table
    how: HowRead = field(default_factory=HowRead)

    def __len__(self) -> int:
        return len(self.chosen)

    def take(self, positions: np.ndarray) -> Pairs:
        """The pairs at some 0-based positions, or where a bool (m,) is true; notes and table stay whole."""
        chosen = np.arange(len(self))[positions]
        taken = {f.name: getattr(self, f.name) for f in fields(self)}
        arrays = {name: value[chosen] for name, value in taken.items() if isinstance(value, np.ndarray)}
        sides = {name: [taken[name][i] for i in chosen] for name in ("chosen", "rejected")}
        return replace(self, **arrays, **sides)
