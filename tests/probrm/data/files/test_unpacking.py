"""Packed files that are much longer once they are unpacked."""

from __future__ import annotations

import gzip
from collections.abc import Callable

import pyarrow as pa
import pytest

from probrm.data import read_table
from probrm.data.files.unpacking import check_length
from probrm.data.products.records import records
from probrm.errors import DataError

Put = Callable[[str, str | bytes], str]
PACK = {"gz": lambda data: gzip.compress(data), "zst": lambda data: pa.compress(data, codec="zstd", asbytes=True)}
TEXTS = {
    "csv": b"prompt,response\n" + b"x,y\n" * 500_000,
    "jsonl": b'{"prompt": "x"}\n' * 125_000,
    "json": b"[" + b'{"prompt": "x"},' * 125_000 + b'{"prompt": "x"}]',
}


@pytest.mark.parametrize("packed", PACK)
@pytest.mark.parametrize("kind", TEXTS)
def test_text_that_fits_into_no_memory_is_not_unpacked_into_it(put: Put, little_memory: Callable[[int], None], kind: str, packed: str):
    source = put(f"a.{kind}.{packed}", PACK[packed](TEXTS[kind]))
    little_memory(5_000_000)
    for read in (read_table, lambda file: list(records(file))):
        with pytest.raises(DataError, match=r"it unpacks to [\d.]+ MB or more; .* and 5\.0 MB are free"):
            read(source)


@pytest.mark.parametrize("kind", TEXTS)
def test_nor_is_plain_text_read(put: Put, little_memory: Callable[[int], None], kind: str):
    source = put(f"a.{kind}", TEXTS[kind])
    little_memory(5_000_000)
    with pytest.raises(DataError, match=r"its text has 2\.0 MB"):
        read_table(source)


def test_files_that_cannot_be_too_long_are_not_unpacked_twice(put: Put, monkeypatch: pytest.MonkeyPatch):
    source = put("a.csv.gz", gzip.compress(b"a\n1\n"))
    monkeypatch.setattr("pyarrow.CompressedInputStream", lambda *given: pytest.fail("it was unpacked"))
    check_length(source, source)


@pytest.mark.parametrize("packed", PACK)
@pytest.mark.parametrize("damage", ["cut", "changed", "nothing behind the header", "garbage after the end"])
def test_damaged_packed_files(put: Put, packed: str, damage: str):
    data = bytearray(PACK[packed](TEXTS["csv"]))
    if damage == "cut":
        del data[len(data) // 2 :]
    elif damage == "changed":
        data[len(data) // 3 : len(data) // 3 + 40] = bytes(range(40))
    elif damage == "nothing behind the header":
        del data[10:]
    else:
        data += b"garbage" * 10
    with pytest.raises(DataError):
        read_table(put(f"a.csv.{packed}", bytes(data)))
