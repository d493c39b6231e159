from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from probrm.data.files.arrow import leaves
from probrm.data.files.valid import valid
from probrm.errors import DataError


def texts(*values: bytes) -> pa.Array:
    offsets = np.concatenate([[0], np.cumsum([len(value) for value in values])]).astype(np.int32)
    return pa.Array.from_buffers(pa.string(), len(values), [None, pa.py_buffer(offsets.tobytes()), pa.py_buffer(b"".join(values))])


@pytest.mark.parametrize("bad", [0, 1, 6, 7, 99])
@pytest.mark.parametrize("chunks", [1, 3])
def test_the_row_is_found(bad: int, chunks: int):
    values = [b"fine"] * 100
    values[bad] = b"caf\xe9"
    column = pa.chunked_array([texts(*part) for part in np.array_split(np.array(values, object), chunks)])
    for kind in (column, pa.chunked_array([pa.ListArray.from_arrays(pa.array(range(101), pa.int32()), column.combine_chunks())])):
        with pytest.raises(DataError, match=f"log, row {bad + 1}, column 'a': a text is not UTF-8"):
            valid(pa.table({"n": range(100), "a": kind}), "log")


def test_dictionaries_are_looked_into():
    column = pa.DictionaryArray.from_arrays(pa.array([0, 0, 1, 0]), texts(b"fine", b"\xff"))
    with pytest.raises(DataError, match="row 3"):
        valid(pa.table({"a": column}), "log")


def test_parts_that_do_not_fit_together():
    offsets = np.array([0, 5, 2], np.int32)
    column = pa.Array.from_buffers(pa.string(), 2, [None, pa.py_buffer(offsets.tobytes()), pa.py_buffer(b"abcde")])
    with pytest.raises(DataError, match="do not fit together"):
        valid(pa.table({"a": column}), "log")


def test_what_is_fine_is_given_back():
    table = pa.table({"a": ["é", None], "b": [[{"x": "y"}], []], "c": [b"\xff", None], "d": pa.array(["p", "p"]).dictionary_encode()})
    assert valid(table, "log") is table
    assert valid(table.slice(0, 0), "log").num_rows == 0


def test_the_leaves_of_nested_values():
    column = pa.array([{"a": [1.5, None], "b": {"c": 2}}, None, {"a": [], "b": None}])
    assert [leaf.to_pylist() for leaf in leaves(column)] == [[1.5, None], [2, None, None]]
    assert [leaf.to_pylist() for leaf in leaves(pa.chunked_array([["x"], ["y"]]))] == [["x"], ["y"]]
