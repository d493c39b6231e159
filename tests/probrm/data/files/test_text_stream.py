"""Text that is not UTF-8, in every place where it may stand, and in every kind of text file."""

from __future__ import annotations

import codecs
import gzip
import io
from collections.abc import Callable

import pyarrow as pa
import pytest

from probrm.data import read_table
from probrm.data.files import text_stream
from probrm.data.files.text_stream import TextBytes, open_text
from probrm.data.products.records import records
from probrm.errors import DataError

Put = Callable[[str, str | bytes], str]
CSV = "prompt,response\nx,y\n"
LINES = '{"prompt": "x", "response": "y"}\n'
KINDS = {"a.csv": CSV, "a.tsv": CSV.replace(",", "\t"), "a.jsonl": LINES, "a.ndjson": LINES, "a.json": f"[{LINES}]"}
MARKS = {
    "utf-8": codecs.BOM_UTF8,
    "utf-16-le": codecs.BOM_UTF16_LE,
    "utf-16-be": codecs.BOM_UTF16_BE,
    "utf-32-le": codecs.BOM_UTF32_LE,
    "utf-32-be": codecs.BOM_UTF32_BE,
}


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("encoding", MARKS)
def test_a_byte_order_mark_says_how_the_text_is_written(put: Put, name: str, encoding: str):
    text = KINDS[name].replace("x", "é€😀")
    assert read_table(put(name, MARKS[encoding] + text.encode(encoding))).to_pylist() == [{"prompt": "é€😀", "response": "y"}]


@pytest.mark.parametrize("ending", [".gz", ".zst"])
@pytest.mark.parametrize("encoding", MARKS)
def test_also_in_packed_files(put: Put, ending: str, encoding: str):
    data = MARKS[encoding] + CSV.encode(encoding)
    packed = gzip.compress(data) if ending == ".gz" else pa.compress(data, codec="zstd", asbytes=True)
    assert read_table(put(f"a.csv{ending}", packed)).to_pylist() == [{"prompt": "x", "response": "y"}]


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("encoding", list(MARKS)[1:])
def test_without_a_mark_the_encoding_is_named(put: Put, name: str, encoding: str):
    source = put(name, KINDS[name].encode(encoding))
    for read in (read_table, lambda file: list(records(file))):
        with pytest.raises(DataError, match=f"not UTF-8 .it looks like {encoding.upper()}") as caught:
            read(source)
        assert f"iconv -f {encoding}" in caught.value.fix


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize(("encoding", "byte"), [("latin1", "0xe9"), ("cp1252", "0xe9"), ("cp1252", "0x80")])
def test_the_line_of_a_byte_that_is_not_utf8(put: Put, name: str, encoding: str, byte: str):
    text = KINDS[name].replace("x", "caf\u00e9" if byte == "0xe9" else "5 \u20ac")
    if name == "a.json":
        text = text.replace("[", "[\n")
    line = 1 if name.endswith("jsonl") or name.endswith("ndjson") else 2
    source = put(name, text.encode(encoding if byte == "0xe9" else "cp1252"))
    for read in (read_table, lambda file: list(records(file))):
        with pytest.raises(DataError, match=f"line {line}: the text is not UTF-8 .found the byte {byte}") as caught:
            read(source)
        assert "iconv -f WINDOWS-1252" in caught.value.fix


BAD = {
    "a column's name in CSV": ("a.csv", b"prompt,r\xe9ponse\nx,y\n", 1),
    "a short row of a CSV": ("a.csv", b"prompt,response\nx,y\ncaf\xe9\n", 3),
    "a long row of a CSV": ("a.csv", b"prompt,response\nx,y\ncaf\xe9,y,z\n", 3),
    "within quotes": ("a.csv", b'prompt,response\n"x\n\xe9",y\n', 3),
    "a key": ("a.jsonl", LINES.encode() + b'{"pr\xe9": 1}\n', 2),
    "a nested key": ("a.jsonl", LINES.encode() + b'{"a": {"pr\xe9": 1}}\n', 2),
    "after 8 kB": ("a.jsonl", LINES.encode() * 1000 + b'{"prompt": "\xe9"}\n', 1001),
    "after a megabyte": ("a.jsonl", LINES.encode() * 40_000 + b'{"prompt": "\xe9"}\n', 40_001),
    "at the end of the file": ("a.csv", CSV.encode() + b"x,\xc3", 3),
    "half of a surrogate pair": ("a.csv", CSV.encode() + b"x,\xed\xa0\x80\n", 3),
    "an overlong form": ("a.csv", CSV.encode() + b"x,\xc0\xaf\n", 3),
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("case", BAD)
def test_bad_bytes_anywhere_get_one_message(put: Put, case: str, capfd: pytest.CaptureFixture[str]):
    name, data, line = BAD[case]
    with pytest.raises(DataError, match=f"{name}, line {line}: the text is not UTF-8"):
        read_table(put(name, data))
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("data", [b"prompt,response\nx,\0\n" + b"x,y\n" * 20, CSV.encode() * 300_000 + b"\0"])
def test_nul_bytes_are_no_text(put: Put, data: bytes):
    with pytest.raises(DataError, match=r"line \d+: found a NUL byte"):
        read_table(put("a.csv", data))


def test_utf16_that_breaks_off(put: Put):
    with pytest.raises(DataError, match=r"line 2: the text is not UTF-8 .it begins as UTF-16-LE and is broken here"):
        read_table(put("a.csv", codecs.BOM_UTF16_LE + "prompt\nx".encode("utf-16-le") + b"\x00\xd8y\0"))


@pytest.mark.parametrize(
    ("start", "says"),
    [
        (b"PAR1", "Parquet"),
        (gzip.compress(b"x"), "gzip"),
        (b"PK\x03\x04", "ZIP"),
        (b"\x28\xb5\x2f\xfd", "zstd"),
        (b"BZh9", "bzip2"),
        (b"\xfd7zXZ\x00", "xz"),
    ],
    ids=["parquet", "gzip", "zip", "zstd", "bzip2", "xz"],
)
@pytest.mark.parametrize("name", ["a.csv", "a.jsonl"])
def test_files_of_another_kind_are_told_what_they_are(put: Put, name: str, start: bytes, says: str):
    with pytest.raises(DataError, match=f"it is no text but .*{says}"):
        read_table(put(name, start + b"rest"))


@pytest.mark.parametrize("chunk", [1, 2, 3, 5, 1 << 20])
@pytest.mark.parametrize("encoding", MARKS)
def test_characters_that_lie_across_two_chunks(put: Put, monkeypatch: pytest.MonkeyPatch, chunk: int, encoding: str):
    monkeypatch.setattr(text_stream, "_CHUNK", max(chunk, len(MARKS[encoding])))
    text = "aé€😀\nb\r\n" * 3
    with TextBytes(put("a", MARKS[encoding] + text.encode(encoding)), "a") as stream:
        assert stream.read() == text.encode()
    with open_text(put("b", MARKS[encoding] + text.encode(encoding))) as file:
        assert file.read() == text


def test_reading_fills_what_is_asked_for(put: Put):
    """Arrow takes what it gets for a block, and a row has to fit into one."""
    with TextBytes(put("a", "x" * 3_000_000), "a") as stream:
        assert [len(stream.read(2_500_000)) for _ in range(3)] == [2_500_000, 500_000, 0]


def test_the_file_is_closed_where_it_is_no_text(put: Put, monkeypatch: pytest.MonkeyPatch):
    opened: list[io.IOBase] = []
    real = text_stream.open_bytes
    monkeypatch.setattr(text_stream, "open_bytes", lambda path: opened.append(real(path)) or opened[-1])
    with pytest.raises(DataError):
        TextBytes(put("a", b"PAR1"), "a")
    assert [file.closed for file in opened] == [True]
