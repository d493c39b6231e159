"""The answers of a published set, one a row, with the columns of a log: to be scored, whether or not they were compared."""

from __future__ import annotations

from collections.abc import Collection

import pyarrow as pa

from probrm.data.pairs.formats import PRESETS
from probrm.data.pairs.reshaping import ANSWERS
from probrm.data.products.shape import shaped
from probrm.errors import DataError


def nested_form(names: Collection[str]) -> str | None:
    """The form of a file with columns of these names whose rows hold several answers; None of other files."""
    return next((name for name in ANSWERS if set(PRESETS[name].needs) <= set(names)), None)


def answers_table(table: pa.Table, form: str, source: str) -> tuple[pa.Table, str]:
    """``prompt`` (the turns before), ``response`` and what else is known of each answer, in the order of the file; and a note.

    Raises:
        DataError: there is no answer.
    """
    with shaped(source, form):
        rows = ANSWERS[form](table, source)
        made = pa.Table.from_pylist(rows)
    if not rows:
        raise DataError(f"{source}: read as {form}: no message is an answer of the assistant", fix="give a file with answers")
    return made, f"read as {form}: {len(rows)} answers in {table.num_rows} rows; they are written one a row"
