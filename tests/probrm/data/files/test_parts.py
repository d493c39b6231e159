"""Tables in several files: folders, globs, Hive partitions, compressed parts, and URLs."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from probrm.data import file_hash, read_log, read_table
from probrm.data.files.parts import expand
from probrm.errors import DataError


def rows(start: int = 0, n: int = 30) -> dict[str, list[Any]]:
    return {
        "prompt": [f"What is {i} + 1?" for i in range(start, start + n)],
        "response": [f"It is {i + 1}." for i in range(start, start + n)],
        "action": [int(i % 3 == 0) for i in range(start, start + n)],
    }


def write(path: Path, start: int = 0, n: int = 30) -> Path:
    """One part, in the form that its name says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    table, frame = rows(start, n), pd.DataFrame(rows(start, n))
    name = path.name.removesuffix(".gz").removesuffix(".zst")
    if name.endswith(".parquet"):
        pq.write_table(pa.table(table), path)
        return path
    text = frame.to_csv(index=False, sep="\t" if name.endswith(".tsv") else ",")
    if name.endswith(("jsonl", "json")):
        text = "\n".join(json.dumps(row) for row in frame.to_dict("records"))
    data = text.encode()
    if path.suffix == ".gz":
        data = gzip.compress(data)
    elif path.suffix == ".zst":
        data = pa.compress(data, "zstd", asbytes=True)
    path.write_bytes(data)
    return path


FORMS = ["parquet", "csv", "tsv", "jsonl", "csv.gz", "tsv.gz", "jsonl.gz", "csv.zst", "tsv.zst", "jsonl.zst"]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("how", ["{}", "{}/*", "{}/part-*", "{}/**/*"])
def test_parts_are_one_table(tmp_path: Path, form: str, how: str) -> None:
    for i in range(3):
        write(tmp_path / "log" / f"part-{i:04d}.{form}", 30 * i)
    (tmp_path / "log" / "_SUCCESS").touch()
    (tmp_path / "log" / f".part-0000.{form}.crc").touch()
    table = read_table(how.format(tmp_path / "log"))
    assert table.to_pydict() == rows(0, 90)


@pytest.mark.parametrize("form", FORMS)
def test_one_file_of_each_form(tmp_path: Path, form: str) -> None:
    log = read_log(str(write(tmp_path / f"log.{form}", n=60)))
    assert log.action is not None
    assert log.action.tolist() == rows(0, 60)["action"]
    assert log.conversations[59].response == "It is 60."


def test_hive_partitions_are_columns(tmp_path: Path) -> None:
    for i, (day, surface) in enumerate([("2026-01-01", "web"), ("2026-01-02", "a%20b"), ("2026-01-02", "__HIVE_DEFAULT_PARTITION__")]):
        write(tmp_path / "log" / f"dt={day}" / f"hour={i}" / f"surface={surface}" / "part-0.parquet", 30 * i)
    table = read_table(str(tmp_path / "log"))
    assert table.column_names == ["prompt", "response", "action", "dt", "hour", "surface"]
    assert table.column("dt").to_pylist() == ["2026-01-01"] * 30 + ["2026-01-02"] * 60
    assert table.column("hour").to_pylist() == [0] * 30 + [1] * 30 + [2] * 30
    assert set(table.column("surface").to_pylist()) == {"web", "a b", None}
    assert read_table(str(tmp_path / "log" / "dt=2026-01-02")).num_rows == 60


def test_a_single_partition_is_a_column_too(tmp_path: Path) -> None:
    write(tmp_path / "log" / "dt=2026-01-01" / "part-0.parquet")
    assert read_table(str(tmp_path / "log")).column("dt").to_pylist() == ["2026-01-01"] * 30


def test_parts_whose_types_differ_a_little(tmp_path: Path) -> None:
    pq.write_table(pa.table({"a": [1, 2], "s": [{"x": 1}, {"x": 2}]}), tmp_path / "0.parquet")
    pq.write_table(pa.table({"a": [0.5, None], "b": ["n", "m"], "s": [{"x": 1, "y": "z"}, None]}), tmp_path / "1.parquet")
    table = read_table(str(tmp_path))
    assert table.column("a").to_pylist() == [1, 2, 0.5, None]
    assert table.column("b").to_pylist() == [None, None, "n", "m"]
    assert table.column("s").to_pylist() == [{"x": 1, "y": None}, {"x": 2, "y": None}, {"x": 1, "y": "z"}, None]


def test_parts_that_do_not_go_together(tmp_path: Path) -> None:
    pq.write_table(pa.table({"a": ["x"]}), tmp_path / "0.parquet")
    pq.write_table(pa.table({"a": [{"x": 1}]}), tmp_path / "1.parquet")
    with pytest.raises(DataError, match=r"its 2 parts do not have the same columns \(.*a.*\)"):
        read_table(str(tmp_path))


def test_files_of_several_kinds(tmp_path: Path) -> None:
    write(tmp_path / "a.parquet")
    write(tmp_path / "b.csv")
    with pytest.raises(DataError, match=r"files of several kinds \(csv, parquet\)") as caught:
        read_table(str(tmp_path))
    assert "/*.parquet" in caught.value.fix
    assert read_table(f"{tmp_path}/*.csv").num_rows == 30


@pytest.mark.parametrize("names", [("train-0.parquet", "test-0.parquet"), ("train/0.parquet", "validation/0.parquet")])
def test_several_splits_are_no_parts_of_one_table(tmp_path: Path, names: tuple[str, str]) -> None:
    for name in names:
        write(tmp_path / "log" / name)
    with pytest.raises(DataError, match="several splits"):
        read_table(str(tmp_path / "log"))
    assert read_table(f"{tmp_path / 'log'}/**/*{'train'}*" if "-" in names[0] else str(tmp_path / "log" / "train")).num_rows == 30


def test_nothing_to_read(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    with pytest.raises(DataError, match=r"a folder that holds no file that is read; it holds notes\.txt"):
        read_table(str(tmp_path))
    with pytest.raises(DataError, match="no file matches this pattern"):
        read_table(f"{tmp_path}/*.parquet")


def test_a_damaged_part_is_named(tmp_path: Path) -> None:
    write(tmp_path / "0.parquet")
    (tmp_path / "1.parquet").write_bytes(b"nothing")
    with pytest.raises(DataError, match=r"1\.parquet: cannot be read as parquet"):
        read_table(str(tmp_path))


def test_the_hash_of_a_glob_is_that_of_its_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in ("a", "b"):
        write(tmp_path / folder / "0.parquet")
        write(tmp_path / folder / "1.parquet", 30)
    monkeypatch.chdir(tmp_path)
    one = file_hash(f"{tmp_path}/a/*.parquet")
    assert one is not None
    assert one == file_hash("a/*.parquet") == file_hash(f"{tmp_path}/b/*.parquet")
    write(tmp_path / "a" / "1.parquet", 31)
    assert file_hash("a/*.parquet") != one


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    found = fsspec.filesystem("memory")
    found.store.clear()
    yield found
    found.store.clear()


@pytest.mark.parametrize("form", FORMS)
def test_urls_that_fsspec_knows(tmp_path: Path, memory: Any, form: str) -> None:
    for i in range(2):
        memory.pipe(f"/bucket/log/part-{i}.{form}", write(tmp_path / f"p{i}.{form}", 30 * i).read_bytes())
    for source in ("memory://bucket/log", f"memory://bucket/log/*.{form}"):
        assert read_table(source).to_pydict() == rows(0, 60)
    assert read_table(f"memory://bucket/log/part-1.{form}").to_pydict() == rows(30)
    assert file_hash("memory://bucket/log") is None
    assert len(read_log("memory://bucket/log")) == 60


def test_hive_partitions_behind_a_url(tmp_path: Path, memory: Any) -> None:
    for day in (1, 2):
        memory.pipe(f"/bucket/log/day={day}/0.parquet", write(tmp_path / "p.parquet", 30 * day).read_bytes())
    assert read_table("memory://bucket/log").column("day").to_pylist() == [1] * 30 + [2] * 30


def test_a_file_that_is_not_behind_the_url(memory: Any) -> None:
    with pytest.raises(DataError, match="there is no such file or folder"):
        read_table("memory://bucket/none.parquet")


@pytest.mark.parametrize(("source", "says", "fix"), [("nosuch://a/b.csv", "no driver for nosuch://", "s3:// or gs://")])
def test_a_scheme_that_nobody_knows(source: str, says: str, fix: str) -> None:
    with pytest.raises(DataError, match=says) as caught:
        read_table(source)
    assert fix in caught.value.fix


def test_a_driver_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(source: str) -> None:
        raise ImportError("Install s3fs to access S3")

    monkeypatch.setattr(fsspec.core, "url_to_fs", missing)
    with pytest.raises(DataError, match=r"the driver for s3:// is not installed \(Install s3fs to access S3\)") as caught:
        expand("s3://bucket/log")
    assert caught.value.fix == "pip install s3fs"
