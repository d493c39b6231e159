"""Checked values of one column, with the row and the value in the error when one is not allowed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from probrm.data.files.arrow import is_number, is_text, kernels, to_flags, to_float, to_names
from probrm.data.files.hints import shown
from probrm.errors import DataError

_TRUE, _FALSE = ("1", "1.0", "true"), ("0", "0.0", "false")
SMALLEST, LARGEST = 1e-37, 1e37
"""Sizes of numbers other than 0 that float32 has, and whose sums and differences it has too."""
IN_RANGE = f"0, or from {SMALLEST:g} to {LARGEST:g} in size"
_RESCALE = "rescale the column, or remove these rows"
NOT_ZERO = r"^[+-]?[0.]*[1-9]"
"""How a number begins that is not 0, even where float64 has no other for it."""
_NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$"
MISSING = ("", "nan", "na", "none", "null", "n/a")


@dataclass(frozen=True)
class Cells:
    """The values of one column in some rows of a file.

    Attributes:
        source: the file, for messages.
        name: what the file calls the column.
        values: the values, one a row.
        rows: int64, the rows' 0-based positions in the file.
    """

    source: str
    name: str
    values: pa.ChunkedArray
    rows: np.ndarray

    @classmethod
    def of(cls, source: str, name: str, values: pa.ChunkedArray | pa.Array, rows: np.ndarray) -> Cells:
        """Takes ``rows`` of a whole column; dictionary-encoded values are decoded."""
        column = values if isinstance(values, pa.ChunkedArray) else pa.chunked_array([values])
        if pa.types.is_dictionary(column.type):
            column = column.cast(column.type.value_type)
        if is_text(column.type):
            column = column.cast(pa.large_string())  # 32-bit offsets overflow when much text is gathered
        return cls(source, name, column if len(rows) == len(column) else column.take(pa.array(rows)), rows)

    def error(self, position: int, allowed: str, fix: str) -> DataError:
        """The error for the value at ``position`` of these cells."""
        value = self.values[position].as_py()
        found = "it is missing" if value is None or value == "" else f"found {shown(value)}"
        return DataError(f"{self.source}, row {self.rows[position] + 1}, column {self.name!r}: {found}; allowed: {allowed}", fix=fix)

    def refuse_type(self, allowed: str, fix: str) -> DataError:
        """The error for a column whose type is wrong as a whole."""
        return DataError(f"{self.source}, column {self.name!r}: holds {self.values.type}; allowed: {allowed}", fix=fix)


def binary(cells: Cells, *, fix: str, missing: bool = False) -> np.ndarray:
    """0/1 values as float32, from numbers, booleans or the words ``true`` and ``false``; NaN where missing, if that is allowed.

    Raises:
        DataError: names the first row with another value.
    """
    allowed = "0, 1, true, false" + (", or missing" if missing else "")
    kind = cells.values.type
    if pa.types.is_null(kind):
        numbers = np.full(len(cells.rows), np.nan)
        bad = np.zeros(len(cells.rows), dtype=bool)
    elif pa.types.is_boolean(kind) or is_number(kind):
        numbers = to_float(cells.values)
        bad = ~(np.isnan(numbers) | (numbers == 0) | (numbers == 1))
    elif is_text(kind):
        numbers, bad = _from_words(cells.values)
    else:
        raise cells.refuse_type(allowed, fix)
    if not missing:
        bad |= np.isnan(numbers)
    if bad.any():
        raise cells.error(int(bad.argmax()), allowed, fix)
    return numbers.astype(np.float32)


def numbers(cells: Cells, *, allowed: str, ok: Any, fix: str, tiny: bool = False) -> np.ndarray:
    """Finite numbers as float64 that ``ok`` (a vectorised predicate) accepts and that are the same in float32, which models compute in.

    Args:
        cells: the column.
        allowed: what ``ok`` accepts, for messages.
        ok: the predicate.
        fix: how to correct a value that is not allowed.
        tiny: whether numbers that become 0 in float32 are let pass.

    Raises:
        DataError: names the first row with another value.
    """
    if not is_number(cells.values.type):
        raise cells.refuse_type(allowed, fix)
    found = to_float(cells.values)
    good = np.isfinite(found) & ok(found)
    if not good.all():
        raise cells.error(int((~good).argmax()), allowed, fix)
    if (lost := is_lost(found, tiny=tiny)).any():
        raise cells.error(int(lost.argmax()), f"{allowed}, {IN_RANGE}", _RESCALE)
    return found


def is_lost(values: np.ndarray, *, tiny: bool = False) -> np.ndarray:
    """Where float32 has no such number, or arithmetic with it leaves what float32 has: too large, or, but for ``tiny``, 0 for what is not 0."""
    size = np.abs(values)
    return (size > LARGEST) | ((size < SMALLEST) & (size > 0) & (not tiny))


def scores(cells: Cells, *, fix: str) -> np.ndarray:
    """Finite numbers as float64, NaN where missing; numbers written as text count (``"4"``), and so do booleans.

    Raises:
        DataError: names the first row with another value.
    """
    found, bad = parse_scores(cells, fix=fix)
    if bad.any():
        at = int(bad.argmax())
        lost = np.isfinite(found[at]) and found[at] != 0
        allowed = f"numbers {IN_RANGE}, or missing" if lost else "finite numbers, or missing"
        raise cells.error(at, allowed, _RESCALE if lost else fix)
    return found


def parse_scores(cells: Cells, *, fix: str) -> tuple[np.ndarray, np.ndarray]:
    """What ``scores`` gives, and where there is something that is no finite number, or one that float32 does not have.

    Raises:
        DataError: the column holds neither numbers nor text.
    """
    kind = cells.values.type
    if pa.types.is_null(kind):
        return np.full(len(cells.rows), np.nan), np.zeros(len(cells.rows), dtype=bool)
    if pa.types.is_boolean(kind) or is_number(kind):
        found = to_float(cells.values)
        return found, np.isinf(found) | is_lost(found)
    if not is_text(kind):
        raise cells.refuse_type("numbers, or numbers written as text", fix)
    words = kernels.utf8_lower(kernels.utf8_trim_whitespace(cells.values))
    number = kernels.match_substring_regex(words, _NUMBER)
    found = to_float(kernels.if_else(number, words, pa.scalar(None, words.type)).cast(pa.float64()))
    absent = to_flags(kernels.is_in(words, value_set=pa.array(MISSING, words.type))) | to_flags(kernels.is_null(words))
    vanished = (found == 0) & to_flags(kernels.match_substring_regex(words, NOT_ZERO))
    return found, ~(to_flags(number) | absent) | np.isinf(found) | is_lost(found) | vanished


def names(cells: Cells, *, fix: str) -> np.ndarray:
    """Identifiers as an object array of str, None where missing or empty; ``63`` and ``63.0`` are both ``"63"``.

    Raises:
        DataError: the column holds lists, times or other things that name nobody, or a number so large that several are one.
    """
    values, kind = cells.values, cells.values.type
    if pa.types.is_floating(kind):
        found = to_float(values)
        exact = 2.0 ** {16: 11, 32: 24}.get(kind.bit_width, 53)
        if (large := np.abs(found) >= exact).any():
            allowed = f"text, whole numbers, or floats below {exact:.0f}, above which several numbers are one"
            raise cells.error(int(large.argmax()), allowed, fix)
        if np.all(np.isnan(found) | (found == np.floor(found))):
            values = pa.chunked_array([pa.array(found, from_pandas=True)]).cast(pa.int64())
    elif not (is_text(kind) or is_number(kind) or pa.types.is_boolean(kind) or pa.types.is_null(kind)):
        raise cells.refuse_type("text or numbers", fix)
    return to_names(values)


def _from_words(values: pa.ChunkedArray) -> tuple[np.ndarray, np.ndarray]:
    words = kernels.utf8_lower(kernels.utf8_trim_whitespace(values))

    def among(allowed: tuple[str, ...]) -> np.ndarray:
        return to_flags(kernels.is_in(words, value_set=pa.array(allowed, words.type)))

    yes, no = among(_TRUE), among(_FALSE)
    empty = among(MISSING) | to_flags(kernels.is_null(values))
    return np.where(yes, 1.0, np.where(no, 0.0, np.nan)), ~(yes | no | empty)
