"""What a log's own columns say of its exposures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from probrm.data.columns.matching import Part
from probrm.data.exposures import Verdict
from probrm.data.logs.actions import ActionSpec

_ANNOTATORS = (
    "annotator",
    "annotator_id",
    "annotators",
    "annotator_user_id",
    "completed_by",
    "labeler",
    "labeller",
    "labeler_id",
    "rater",
    "rater_id",
    "worker",
    "worker_id",
)
"""Names of columns that hold the accounts of people who label."""


def taken(action: np.ndarray | None, actions: Mapping[str, np.ndarray] | None, specs: Sequence[ActionSpec]) -> tuple[int, bool]:
    """How many rows have an action, and whether an action in every row says nothing against the log."""
    if actions is None:
        return (0 if action is None else int((action == 1).sum())), action is None
    binary = [actions[spec.column] == 1 for spec in specs if spec.kind == "binary"]
    graded = [~np.isnan(actions[spec.column]) for spec in specs if spec.kind != "binary"]
    return int(np.stack(binary + graded).any(0).sum()), bool(graded)


def cause_of(parts: Mapping[str, Part]) -> tuple[Verdict, str] | None:
    """Whether the user column names those who label."""
    name = parts["user_id"].name if "user_id" in parts else ""
    if name.rpartition(".")[2].lower() in _ANNOTATORS:
        return "annotators", f"column {name!r} names those who label"
    return None
