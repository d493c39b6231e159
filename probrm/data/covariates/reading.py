"""Columns that a head sees as they are in the file: numbers, booleans, categories."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pyarrow as pa

from probrm.data.columns.values import Cells
from probrm.data.files.arrow import is_number, is_text, to_float, to_names
from probrm.data.files.hints import did_you_mean, listed
from probrm.errors import DataError

MAX_LEVELS = 50
MISSING_LEVEL = "(missing)"


def read_covariates(
    table: pa.Table, wanted: Sequence[str], rows: np.ndarray, source: str, *, flag: str, truth: dict[str, str], notes: list[str]
) -> pd.DataFrame:
    """The named columns in the given rows: numbers as float64, booleans as bool, text as str.

    Args:
        table: the whole file.
        wanted: columns of it.
        rows: 0-based positions of the rows to keep.
        source: the file, for messages.
        flag: the switch that named the columns, for messages.
        truth: columns that must not be covariates, with what they are (the action, the label).
        notes: gets a line where a text is missing in some rows.

    Raises:
        DataError: a column is not there, is what is to be explained, holds times or lists, or a number is missing or infinite.
    """
    frame: dict[str, np.ndarray] = {}
    for name in wanted:
        if name not in table.column_names:
            raise DataError(
                f"{source}: there is no column {name!r} (named with {flag}); found: {listed(table.column_names)}",
                fix=did_you_mean(name, table.column_names) or f"name columns of the file: {flag} a,b",
            )
        if name in truth:
            raise DataError(f"{source}, column {name!r}: it is the {truth[name]} and cannot be a covariate", fix=f"remove it from {flag}")
        frame[name] = _read(Cells.of(source, name, table.column(name), rows), flag, notes)
    return pd.DataFrame(frame, index=pd.RangeIndex(len(rows)))


def _read(cells: Cells, flag: str, notes: list[str]) -> np.ndarray:
    kind = cells.values.type
    if is_number(kind) or (pa.types.is_boolean(kind) and cells.values.null_count == 0):
        values = to_float(cells.values)
        if not np.isfinite(values).all():
            raise cells.error(int((~np.isfinite(values)).argmax()), "finite numbers", f"fill or remove these rows, or drop it from {flag}")
        return values.astype(bool) if pa.types.is_boolean(kind) else values
    if is_text(kind) or pa.types.is_boolean(kind) or pa.types.is_null(kind):
        texts = to_names(cells.values)
        absent = pd.isna(texts)
        if absent.any():
            texts[absent] = MISSING_LEVEL
            notes.append(f"column {cells.name!r}: missing in {int(absent.sum())} rows, which form a category of their own")
        return texts
    fix = f"turn it into a number (an hour, a count) or a short text, or drop it from {flag}"
    raise cells.refuse_type("numbers, booleans or text", fix)


def check_for_fit(frame: pd.DataFrame, source: str, flag: str, notes: list[str]) -> pd.DataFrame:
    """Leaves out constant columns, with a note, and refuses text with so many values that it names rather than groups.

    Raises:
        DataError: a text column has more than 50 different values.
    """
    for name in map(str, frame.columns):
        levels = len(pd.unique(frame[name].to_numpy()))
        if levels > MAX_LEVELS and not pd.api.types.is_numeric_dtype(frame[name]):
            raise DataError(
                f"{source}, column {name!r}: {levels} different texts, too many for a category; allowed: at most {MAX_LEVELS}",
                fix=f"if it says who acted: --columns user_id={name}; otherwise group its values, or drop it from {flag}",
            )
        if levels == 1:
            notes.append(f"covariate {name!r} has the same value in every row and is left out")
            frame = frame.drop(columns=name)
    return frame
