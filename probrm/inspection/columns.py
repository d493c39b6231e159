"""The names of a file's columns."""

from __future__ import annotations

from collections.abc import Collection

from probrm.data import read_table
from probrm.data.files.saved_datasets import is_saved
from probrm.data.products.records import peek


def columns_of(source: str) -> Collection[str]:
    """The names of the columns, from the beginning of the file where that is enough.

    Raises:
        DataError: the file cannot be read.
    """
    seen = None if is_saved(source) else peek(source)
    return seen.names if seen is not None and seen.names else read_table(source).column_names
