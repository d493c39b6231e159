"""Exports whose records are not of the form that the product writes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pyarrow as pa

from probrm.data.files.damage import first_line
from probrm.errors import DataError

UNSHAPED = (AttributeError, TypeError, LookupError, ValueError, ArithmeticError, RecursionError, pa.ArrowException)
"""What a reader meets where a record has a text for an object, a list for a number, or lacks a part."""


@contextmanager
def shaped(source: str, title: str) -> Iterator[None]:
    """Turns what a reader of an export raises at such a record into words.

    Raises:
        DataError: a record is not of the product's form.
    """
    try:
        yield
    except UNSHAPED as error:
        what = f"{type(error).__name__}: {first_line(error, 100)}"
        raise DataError(
            f"{source}: it looks like {title}, and a record in it is not of that form ({what})",
            fix="export it again; or name the columns of the texts to read it as a plain table: --columns prompt=NAME,response=NAME",
        ) from error
