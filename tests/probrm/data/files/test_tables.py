from __future__ import annotations

import gzip
import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from probrm.data import file_hash, read_table
from probrm.errors import DataError


@pytest.mark.parametrize("name", ["a.parquet", "a.csv", "a.jsonl", "a.ndjson", "a.json", "a.csv.gz", "a.jsonl.gz"])
def test_every_form_gives_the_same_rows(save: Callable[..., str], rows: dict, name: str):
    table = read_table(save(name))
    assert table.to_pydict() == rows


def test_parquet_in_gzip(save: Callable[..., str], rows: dict, tmp_path: Path):
    packed = tmp_path / "b.parquet.gz"
    packed.write_bytes(gzip.compress(Path(save()).read_bytes()))
    assert read_table(str(packed)).to_pydict() == rows


def test_missing_file_names_a_close_one(save: Callable[..., str]):
    path = save("logs.parquet")
    with pytest.raises(DataError, match="there is no such file") as caught:
        read_table(path.replace("logs", "lgos"))
    assert f"did you mean {path}" in caught.value.fix


def test_missing_folder_is_said(tmp_path: Path):
    with pytest.raises(DataError) as caught:
        read_table(str(tmp_path / "no" / "logs.csv"))
    assert f"the folder {tmp_path / 'no'} does not exist" in caught.value.fix


@pytest.mark.parametrize("source", ["", "a" * 300 + ".csv", "a" * 300 + "/a.csv", "a\0b.csv"])
def test_names_that_no_file_can_have(source: str):
    with pytest.raises(DataError, match=r"no such file|no file is named"):
        read_table(source)


@pytest.mark.parametrize("name", ["a.parquet", "a.csv", "a.jsonl", "a.csv.gz"])
def test_empty_file(tmp_path: Path, name: str):
    (tmp_path / name).touch()
    with pytest.raises(DataError, match=r"a\.\S+: the file is empty \(0 bytes\)"):
        read_table(str(tmp_path / name))


def test_header_without_rows(tmp_path: Path):
    (tmp_path / "a.csv").write_text("prompt,response\n")
    with pytest.raises(DataError, match="there are no rows"):
        read_table(str(tmp_path / "a.csv"))


@pytest.mark.parametrize("name", ["a.parquet", "a.csv.gz", "a.jsonl.gz"])
@pytest.mark.parametrize("part", [0.02, 0.5, 0.98])
def test_truncated_file(save: Callable[..., str], name: str, part: float):
    path = Path(save(name))
    whole = path.read_bytes()
    path.write_bytes(whole[: int(part * len(whole))])
    with pytest.raises(DataError, match="cannot be read as") as caught:
        read_table(str(path))
    assert "\n" not in caught.value.what
    assert "copy it again" in caught.value.fix


def test_parquet_with_a_damaged_page(save: Callable[..., str]):
    path = Path(save())
    damaged = bytearray(path.read_bytes())
    damaged[4:400] = bytes(396)
    path.write_bytes(bytes(damaged))
    with pytest.raises(DataError, match="cannot be read as parquet"):
        read_table(str(path))


@pytest.mark.parametrize("name", ["log.xlsx", "log.txt", "log", "log.gz"])
def test_wrong_ending_lists_the_allowed_ones(tmp_path: Path, name: str):
    (tmp_path / name).write_text("x")
    with pytest.raises(DataError, match=r"are not read; allowed: \.parquet, \.csv, \.tsv, \.jsonl"):
        read_table(str(tmp_path / name))


def test_two_columns_of_one_name(tmp_path: Path):
    (tmp_path / "a.csv").write_text("prompt,response,prompt\na,b,c\n")
    with pytest.raises(DataError, match="several columns have the same name: 'prompt'"):
        read_table(str(tmp_path / "a.csv"))


def test_hash_of_a_file_is_its_sha256(tmp_path: Path):
    (tmp_path / "a.csv").write_bytes(b"abc")
    assert file_hash(tmp_path / "a.csv") == hashlib.sha256(b"abc").hexdigest()
    assert file_hash("owner/name") is None


def test_hash_of_a_folder_sees_names_and_contents(tmp_path: Path):
    seen = set()
    for name, content in (("a", b"1"), ("b", b"1"), ("a", b"2")):
        folder = tmp_path / f"{name}{content.decode()}"
        folder.mkdir()
        (folder / name).write_bytes(content)
        seen.add(file_hash(folder))
        assert file_hash(folder) == file_hash(str(folder))
    assert len(seen) == 3


@pytest.mark.parametrize("make", [lambda path: os.mkfifo(path), lambda path: path.symlink_to("/dev/null")], ids=["pipe", "device"])
def test_what_is_no_plain_file_is_called_so(make: Callable[[Path], None], tmp_path: Path) -> None:
    make(tmp_path / "rows.csv")
    with pytest.raises(DataError, match=r"rows\.csv: it is no plain file but a device or a pipe\n  fix: save the rows as a file"):
        read_table(str(tmp_path / "rows.csv"))
