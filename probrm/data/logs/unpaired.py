"""TRL's unpaired preferences: one answer a row with a label, as KTO is trained on."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import pyarrow as pa

from probrm.data.columns.matching import Part
from probrm.data.columns.values import Cells, binary
from probrm.data.logs.spec import LogSpec
from probrm.errors import DataError

PRESET = "trl-unpaired"
_LABEL_FIX = "write true or false"


def is_unpaired(names: Collection[str], spec: LogSpec) -> bool:
    """Whether a file with these columns is a set of TRL's ``prompt, completion, label``; it may have the prompt in the completion."""
    if spec.preset == PRESET:
        return True
    mapped = {native for native in ("response", "action", "messages") if spec.columns.get(native)}
    return spec.preset is None and not mapped and not spec.actions and {"completion", "label"} <= set(names) and "action" not in names


def unpaired_parts(table: pa.Table, spec: LogSpec, source: str, notes: list[str], *, fitting: bool) -> dict[str, Part]:
    """Native columns of TRL's unpaired preferences, by what a false label means.

    ``no-action``: the label is an action that some answers got and others did not. ``negative``: somebody judged every answer, so that
    the action is a label and its propensity is known to be 1.

    Raises:
        DataError: a column is missing, or it is to be fitted and nobody said what a false label means.
    """
    lacking = [name for name in ("completion", "label") if name not in table.column_names]
    if lacking:
        raise DataError(
            f"{source}: not the form that --preset {PRESET} reads, which has prompt, completion, label; there is no {', '.join(lacking)}",
            fix="leave --preset out, and name the columns with --columns",
        )
    label = table.column("label")
    parts = {"response": Part("completion", table.column("completion")), "label": Part("label", label)}
    if not fitting:
        return parts
    if spec.label_false_means is None:
        raise DataError(
            f"{source}: read as {PRESET}: prompt, completion, label; a false label can mean that somebody rejected the answer, or that nobody "
            "reacted to it, and rewards differ by which; allowed: negative, no-action",
            fix="say which: --label-false-means negative (every answer was judged) or --label-false-means no-action (true is an action)",
        )
    cells = Cells.of(source, "label", label, np.arange(table.num_rows))
    parts["action"] = Part("label", pa.array(binary(cells, fix=_LABEL_FIX) > 0))
    del parts["label"]  # the action that the model explains must not also be its label
    if spec.label_false_means == "negative":
        parts["propensity"] = Part("label, which every answer has", pa.array(np.ones(table.num_rows)))
        meaning = "true means good and false bad: every answer was judged, so its propensity is 1"
    else:
        meaning = "true is an action, and false means that nobody acted"
    notes.append(f"read as {PRESET}: prompt, completion, label; {meaning}")
    return parts
