"""Parquet files, opened once it is known what they take in memory."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from probrm.data.files.arrow import is_list, kernels
from probrm.data.files.memory import PER_BYTE, PER_ROW, Growing, available, check_room
from probrm.data.files.opening import is_remote, open_bytes, packing
from probrm.data.files.parquet_pages import DELTA_BYTE_ARRAY, PLAIN_DICTIONARY, RLE_DICTIONARY, NoPage, Page, pages
from probrm.data.files.unpacking import check_length
from probrm.data.files.valid import valid
from probrm.errors import DataError

_WIDTHS = {"BOOLEAN": 1, "INT32": 4, "INT64": 8, "INT96": 12, "FLOAT": 4, "DOUBLE": 8}
_SURELY = 1 << 26
"""Bytes that are granted without looking closer."""
_ROWS = 1 << 16
_GRANTED = 1 << 30
"""Bytes that a part of a file may take where it is read in parts."""


def read_parquet(path: str, source: str) -> pa.Table:
    """The whole table.

    Raises:
        DataError: it takes more memory than is free; says how much.
    """
    with _opened(path, source) as parquet:
        size, rows = parquet.size(), parquet.rows
        longer = parquet.longer()
        if longer and PER_BYTE * (size + sum(longer.values())) + PER_ROW * rows > available():
            for group, column in longer:  # the most that they could take is too much, so what they take is counted
                size += parquet.counted(group, column, size)
        return parquet.file.read()


def beginning(path: str, source: str) -> tuple[list[str], list[dict[str, Any]]]:
    """The names of the columns, and the first row, if there is one.

    Raises:
        DataError: its pages take more memory than is free.
    """
    with _opened(path, source) as parquet:
        parquet.size()
        batch = next(parquet.file.iter_batches(batch_size=1), None)
        return parquet.file.schema_arrow.names, [] if batch is None else batch.to_pylist()


def batches(path: str, source: str, *, most: int) -> Iterator[pa.Table]:
    """Some rows at a time, for whoever keeps little of them: the file may be larger than memory.

    Args:
        path: the file.
        source: what messages call it.
        most: rows of a part; fewer where a page is so large that each row may hold much.

    Raises:
        DataError: it has no rows, several columns of one name, a text that is not UTF-8, or pages that cannot be followed.
    """
    with _opened(path, source) as parquet:
        names = parquet.file.schema_arrow.names
        if not parquet.rows or len(set(names)) < len(names):
            what = "several columns have the same name" if parquet.rows else "there are no rows in it"
            raise DataError(f"{source}: {what}", fix="check how the file was made")
        rows = max(1, min(most, _GRANTED // max(1, parquet.largest())))
        for batch in parquet.file.iter_batches(batch_size=rows):
            yield valid(pa.Table.from_batches([batch]), source)


@contextmanager
def _opened(path: str, source: str) -> Iterator[_Parquet]:
    content = None
    if packing(path) or is_remote(path):  # a page's place has to be gone to
        check_length(path, source)
        with open_bytes(path) as stream:
            content = _all(stream, source)
    with (
        open(path, "rb") if content is None else io.BytesIO(content) as raw,
        pq.ParquetFile(path if content is None else pa.BufferReader(content)) as file,
    ):
        yield _Parquet(source, raw, file, path if content is None else content)


def _all(stream: Any, source: str) -> bytes:
    parts, size = [], Growing(source, "it has {} or more")
    while part := stream.read(1 << 24):
        parts.append(part)
        size.add(len(part))
    return b"".join(parts)


class _Parquet:
    """One open file.

    Attributes:
        file: for Arrow.
        rows: how many the footer says that there are.
    """

    def __init__(self, source: str, raw: Any, file: pq.ParquetFile, where: str | bytes) -> None:
        self._source, self._raw, self._where = source, raw, where
        self.file, self.rows = file, file.metadata.num_rows

    def size(self) -> int:
        """Bytes of the table, were nothing written shorter than it is.

        Raises:
            DataError: there is not so much memory, or the pages cannot be followed.
        """
        size = 0
        for group, column in self._chunks():
            width = self._width(column)
            size += sum(page.size if page.encoding is None else max(page.size, page.values * width) for page in self._pages(group, column))
            if size > _SURELY:
                check_room(self._source, size, self.rows)
        check_room(self._source, size, self.rows)
        return size

    def largest(self) -> int:
        """Bytes of the largest page, which no text in it is longer than."""
        return max((page.size for group, column in self._chunks() for page in self._pages(group, column)), default=0)

    def longer(self) -> dict[tuple[int, int], int]:
        """Columns of texts by row group whose texts may be much longer than what is written of them; bytes at most."""
        found: dict[tuple[int, int], int] = {}
        for group, column in self._chunks():
            if self.file.schema.column(column).physical_type != "BYTE_ARRAY":
                continue
            entries = most = 0
            for page in self._pages(group, column):
                if page.encoding is None:
                    entries = page.size
                elif page.encoding in (PLAIN_DICTIONARY, RLE_DICTIONARY):
                    most += page.values * entries
                elif page.encoding == DELTA_BYTE_ARRAY:
                    most += page.values * page.size
            if most:
                found[group, column] = most
        return found

    def counted(self, group: int, column: int, before: int) -> int:
        """Bytes of a column's texts in a row group, from their lengths a few rows at a time, where possible as positions in a dictionary.

        Raises:
            DataError: with ``before`` bytes of others there is not so much memory.
        """
        name = self.file.metadata.row_group(group).column(column).path_in_schema
        found, size = list(self._pages(group, column)), 0
        written_out = any(page.encoding == DELTA_BYTE_ARRAY for page in found)  # Arrow makes no dictionary of these
        rows = max(1, min(_ROWS, _SURELY // max(page.size for page in found))) if written_out else _ROWS
        where = self._where if isinstance(self._where, str) else pa.BufferReader(self._where)
        with pq.ParquetFile(where, read_dictionary=[] if written_out else [name]) as file:
            for batch in file.iter_batches(batch_size=rows, row_groups=[group], columns=[name]):
                size += sum(map(text_length, batch.columns))
                check_room(self._source, before + size, self.rows)
        return size

    def _chunks(self) -> Iterator[tuple[int, int]]:
        about = self.file.metadata
        return ((group, column) for group in range(about.num_row_groups) for column in range(about.num_columns))

    def _width(self, column: int) -> int:
        """Bytes of a value, of texts those of their place."""
        about = self.file.schema.column(column)
        return max(4, about.length if about.physical_type == "FIXED_LEN_BYTE_ARRAY" else _WIDTHS.get(about.physical_type, 8))

    def _pages(self, group: int, column: int) -> Iterator[Page]:
        chunk = self.file.metadata.row_group(group).column(column)
        starts = [at for at in (chunk.dictionary_page_offset, chunk.data_page_offset) if at]
        try:
            yield from pages(self._raw, min(starts, default=0), chunk.num_values)
        except (NoPage, OverflowError) as error:
            raise DataError(
                f"{self._source}: cannot be read as parquet (column {chunk.path_in_schema!r} has no page {error})",
                fix="the file is damaged or cut short: make or copy it again",
            ) from None


def text_length(values: pa.Array) -> int:
    """Bytes of the texts in an array, were its dictionaries written out."""
    kind = values.type
    if pa.types.is_dictionary(kind):
        lengths = _lengths(values.dictionary)
        places = values.indices.drop_null().to_numpy(zero_copy_only=False)
        return int(lengths[places].sum())
    if pa.types.is_struct(kind):
        return sum(map(text_length, values.flatten()))
    if pa.types.is_map(kind):
        return text_length(values.keys) + text_length(values.items)
    if is_list(kind):
        return text_length(values.flatten())
    return int(_lengths(values).sum())


def _lengths(values: pa.Array) -> np.ndarray:
    """Bytes of each text; of other values none, as their own width counts already."""
    if any(test(values.type) for test in (pa.types.is_string, pa.types.is_large_string, pa.types.is_binary, pa.types.is_large_binary)):
        return kernels.fill_null(kernels.binary_length(values), 0).to_numpy(zero_copy_only=False).astype(np.int64)
    return np.zeros(len(values), np.int64)
