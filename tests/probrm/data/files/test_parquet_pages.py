from __future__ import annotations

import io
from contextlib import suppress
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from probrm.data.files.parquet_pages import DELTA_BYTE_ARRAY, RLE_DICTIONARY, NoPage, Page, pages

TABLE = pa.table({"a": ["x", "yy", None] * 1000, "n": np.arange(3000), "l": [[1, 2], [], None] * 1000, "s": [{"t": "q"}] * 3000})
OPTIONS: dict[str, dict[str, Any]] = {
    "as usual": {},
    "zstd": {"compression": "zstd"},
    "plain": {"use_dictionary": False, "compression": "none"},
    "version 2": {"data_page_version": "2.0", "compression": "gzip"},
    "many pages": {"data_page_size": 1000},
    "checksums": {"write_page_checksum": True},
    "an index": {"write_page_index": True},
    "no statistics": {"write_statistics": False},
    "row groups": {"row_group_size": 700},
}


@pytest.mark.parametrize("case", OPTIONS)
def test_all_pages_are_found(case: str):
    file = io.BytesIO()
    pq.write_table(TABLE, file, **OPTIONS[case])
    about = pq.ParquetFile(file).metadata
    for group in range(about.num_row_groups):
        for column in range(about.num_columns):
            chunk = about.row_group(group).column(column)
            found = list(pages(file, chunk.dictionary_page_offset or chunk.data_page_offset, chunk.num_values))
            assert sum(page.values for page in found if page.encoding is not None) == chunk.num_values
            assert (found[0].encoding is None) == chunk.has_dictionary_page
            unpacked = sum(page.size for page in found)
            assert unpacked < chunk.total_uncompressed_size < unpacked + 500 * len(found)  # which counts the headers


def test_encodings():
    file = io.BytesIO()
    pq.write_table(pa.table({"a": ["x", "x"]}), file)
    chunk = pq.ParquetFile(file).metadata.row_group(0).column(0)
    assert list(pages(file, chunk.dictionary_page_offset, 2)) == [Page(1, 5, None), Page(2, 9, RLE_DICTIONARY)]
    file = io.BytesIO()
    pq.write_table(pa.table({"a": ["x", "x"]}), file, use_dictionary=False, column_encoding={"a": "DELTA_BYTE_ARRAY"})
    chunk = pq.ParquetFile(file).metadata.row_group(0).column(0)
    assert [page.encoding for page in pages(file, chunk.data_page_offset, 2)] == [DELTA_BYTE_ARRAY]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0" * 100,
        b"\xff" * 100,
        b"\x15" * 100,
        b"\x1c" * 1000,
        b"\x19" * 1000,
        bytes(range(256)),
        b"\x15\x00" * 40,
        b"\x18\xff\xff\xff\x7f" * 9,
    ],
    ids=["nothing", "zeros", "ones", "numbers", "structs", "lists", "all bytes", "fields", "texts"],
)
def test_what_is_no_page(data: bytes):
    with pytest.raises(NoPage):
        list(pages(io.BytesIO(data), 0, 1))


def test_random_bytes_end():
    random = np.random.default_rng(0)
    for _ in range(300):
        data = random.integers(0, 256, 200, dtype=np.uint8).tobytes()
        with suppress(NoPage):
            assert len(list(pages(io.BytesIO(data), 0, 1000))) < 200
