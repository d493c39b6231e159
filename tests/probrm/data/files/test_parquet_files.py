"""Parquet files that are much larger in memory than on disk, and those whose texts are no text."""

from __future__ import annotations

import gzip
import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from probrm.data import read_table
from probrm.data.files.parquet_files import beginning, read_parquet, text_length
from probrm.data.products.records import peek
from probrm.errors import DataError

Put = Callable[[str, str | bytes], str]
LONG = "x" * 100_000
N = 3_000


def written(table: pa.Table, **options: Any) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(table, buffer, **options)
    return buffer.getvalue()


def coded(values: list[str], n: int = N) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(pa.array(np.arange(n) % len(values), pa.int32()), pa.array(values))


def nested(values: pa.Array) -> dict[str, pa.Array]:
    offsets = pa.array(np.arange(0, N + 1, 3), pa.int32())
    return {
        "flat": values,
        "list": pa.ListArray.from_arrays(offsets, values),
        "struct": pa.StructArray.from_arrays([values, values], ["a", "b"]),
        "list of structs": pa.ListArray.from_arrays(offsets, pa.StructArray.from_arrays([values], ["a"])),
        "map": pa.MapArray.from_arrays(offsets, pa.array([str(i) for i in range(N)]), values),
    }


BOMBS: dict[str, tuple[pa.Table, dict[str, Any]]] = {
    **{f"a dictionary, {name}": (pa.table({"prompt": column}), {}) for name, column in nested(coded([LONG, "y"])).items()},
    "a dictionary in version 2 pages": (pa.table({"prompt": coded([LONG])}), {"data_page_version": "2.0", "compression": "zstd"}),
    "a dictionary in several row groups": (pa.table({"prompt": coded([LONG])}), {"row_group_size": 500}),
    "prefixes of the value before": (
        pa.table({"prompt": [LONG + str(i % 10) for i in range(N)]}),
        {"use_dictionary": False, "column_encoding": {"prompt": "DELTA_BYTE_ARRAY"}},
    ),
    "a packed page": (pa.table({"prompt": [LONG] * N}), {"use_dictionary": False, "compression": "zstd", "write_statistics": False}),
    "missing numbers": (pa.table({"n": pa.nulls(20_000_000, pa.int64())}), {"compression": "zstd"}),
    "one number": (pa.table({"n": np.zeros(20_000_000)}), {"compression": "zstd"}),
    "missing values of a fixed width": (pa.table({"n": pa.nulls(N, pa.binary(100_000))}), {}),
}


@pytest.mark.parametrize("case", BOMBS)
def test_what_fits_into_no_memory_is_not_read(put: Put, little_memory: Callable[[int], None], case: str):
    table, options = BOMBS[case]
    data = written(table, store_schema=False, **options)
    source = put("a.parquet", data)
    assert len(data) < 2_500_000
    little_memory(130_000_000)
    before = pa.total_allocated_bytes()
    with pytest.raises(DataError, match=r"its table would take [\d.]+ MB in [\d,]+ rows; .* and 130.0 MB are free"):
        read_parquet(source, source)
    assert pa.total_allocated_bytes() - before < 1_000_000


@pytest.mark.parametrize("case", [name for name in BOMBS if "dictionary" in name or "prefixes" in name])
def test_what_fits_is_read(put: Put, case: str):
    table, options = BOMBS[case]
    table = table.slice(0, 30)
    source = put("a.parquet", written(table, store_schema=False, **options))
    assert read_table(source).to_pylist() == table.to_pylist()


def test_texts_are_counted_only_where_they_might_be_too_long(
    put: Put, monkeypatch: pytest.MonkeyPatch, little_memory: Callable[[int], None]
):
    counted = []
    monkeypatch.setattr("probrm.data.files.parquet_files.text_length", lambda values: counted.append(1) or text_length(values))
    source = put("a.parquet", written(pa.table({"prompt": ["y" * 200_000] + ["short"] * (N - 1)}), store_schema=False))
    read_parquet(source, source)
    assert not counted
    little_memory(100_000_000)  # all of them as long as the dictionary would be 600 MB, and they are 600 kB
    assert read_parquet(source, source)["prompt"].to_pylist()[:2] == ["y" * 200_000, "short"]
    assert counted


@pytest.mark.parametrize("ending", ["", ".gz", ".zst"])
def test_packed_parquet(put: Put, little_memory: Callable[[int], None], ending: str):
    table = pa.table({"prompt": coded(["p", "q"], 10)})
    data = written(table, store_schema=False)
    bomb = written(pa.table({"prompt": coded([LONG])}), store_schema=False) + bytes(10)
    pack = {"": lambda d: d, ".gz": gzip.compress, ".zst": lambda d: pa.compress(d, codec="zstd", asbytes=True)}[ending]
    assert read_table(put(f"a.parquet{ending}", pack(data))).to_pydict() == {"prompt": ["p", "q"] * 5}
    little_memory(100_000_000)
    with pytest.raises(DataError):
        read_table(put(f"b.parquet{ending}", pack(bomb[:-10])))
    if ending:
        with pytest.raises(DataError, match=r"it unpacks to .* or more; to work"):
            read_table(put(f"c.parquet{ending}", pack(bytes(100_000_000))))


def test_a_footer_that_says_too_little(put: Put, little_memory: Callable[[int], None]):
    """The footer's sizes are only said; a page's own are what memory is taken for."""
    data = written(pa.table({"prompt": [LONG] * N}), use_dictionary=False, compression="zstd", write_statistics=False)
    size = pq.ParquetFile(io.BytesIO(data)).metadata.row_group(0).column(0).total_uncompressed_size

    def number(value: int, length: int = 5) -> bytes:
        """As Thrift writes it, in five bytes."""
        return bytes((2 * value >> 7 * i) & 0x7F | (0x80 if i < length - 1 else 0) for i in range(length))

    assert number(size) in data
    lying = data.replace(number(size), number(1000))
    assert pq.ParquetFile(io.BytesIO(lying)).metadata.row_group(0).column(0).total_uncompressed_size == 1000
    little_memory(130_000_000)
    with pytest.raises(DataError, match="its table would take"):
        read_table(put("a.parquet", lying))


def test_the_beginning_of_a_file(put: Put, little_memory: Callable[[int], None]):
    source = put("a.parquet", written(pa.table({"prompt": ["x", "y"], "n": [1, 2]})))
    assert beginning(source, source) == (["prompt", "n"], [{"prompt": "x", "n": 1}])
    table, options = BOMBS["a packed page"]
    bomb = put("b.parquet", written(table, **options))
    little_memory(100_000_000)
    assert peek(bomb) is None


BAD = pa.Array.from_buffers(pa.string(), 3, [None, pa.py_buffer(np.array([0, 1, 2, 3], np.int32).tobytes()), pa.py_buffer(b"a\xffb")])
KINDS = {
    "text": BAD,
    "large text": pa.Array.from_buffers(
        pa.large_string(), 3, [None, pa.py_buffer(np.array([0, 1, 2, 3], np.int64).tobytes()), pa.py_buffer(b"a\xffb")]
    ),
    "lists": pa.ListArray.from_arrays(pa.array([0, 1, 2, 3], pa.int32()), BAD),
    "structs": pa.StructArray.from_arrays([pa.array([1, 2, 3]), BAD], ["n", "x"]),
    "lists of structs": pa.ListArray.from_arrays(pa.array([0, 1, 2, 3], pa.int32()), pa.StructArray.from_arrays([BAD], ["x"])),
    "maps": pa.MapArray.from_arrays(pa.array([0, 1, 2, 3], pa.int32()), pa.array(["p", "q", "r"]), BAD),
    "a dictionary": pa.DictionaryArray.from_arrays(pa.array([0, 1, 2]), BAD),
}


@pytest.mark.parametrize("case", KINDS)
def test_texts_that_are_not_utf8(put: Put, case: str):
    data = written(pa.table({"n": [1, 2, 3], "prompt": KINDS[case]}))
    says = "a text in it is not UTF-8" if case == "a dictionary" else "a.parquet, row 2, column 'prompt': a text is not UTF-8"
    with pytest.raises(DataError, match=says):
        read_table(put("a.parquet", data))


def test_bytes_are_no_text_and_need_not_be(put: Put):
    assert read_table(put("a.parquet", written(pa.table({"b": [b"\xff"]}))))["b"].to_pylist() == [b"\xff"]


@pytest.mark.parametrize("name", ["column", "field"])
@pytest.mark.parametrize("schema", [True, False])
def test_names_that_are_not_utf8(put: Put, name: str, schema: bool):
    mark = "xxNAMExx"
    column = pa.array([1]) if name == "column" else pa.StructArray.from_arrays([pa.array([1])], [mark])
    data = written(pa.table({mark if name == "column" else "s": column}), store_schema=schema)
    assert mark.encode() in data
    source = put("a.parquet", data.replace(b"xxNAMExx", b"xxN\xffMExx"))
    assert peek(source) is None
    with pytest.raises(DataError, match="not UTF-8"):
        read_table(source)


def test_many_columns_take_time_in_proportion(put: Put):
    names = [f"c{i}" for i in range(2_000)]
    assert read_table(put("a.parquet", written(pa.table({name: [1] for name in names})))).column_names == names
