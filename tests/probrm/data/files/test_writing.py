from __future__ import annotations

import csv
import json
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest

from probrm.data import read_table, write_table
from probrm.errors import DataError

ROOT = Path(__file__).parents[4]
TABLE = pa.table({"prompt": ['a, "b"\nc', "é"], "n": [1, 2], "x": [0.1, 1e-17], "flag": [True, False]})


@pytest.mark.parametrize("name", ["o.parquet", "o.csv", "o.csv.gz", "o.jsonl", "o.jsonl.gz", "o.ndjson"])
def test_what_is_written_is_read_again(tmp_path: Path, name: str):
    write_table(TABLE, tmp_path / name)
    assert read_table(str(tmp_path / name)).to_pydict() == TABLE.to_pydict()
    assert [p.name for p in tmp_path.iterdir()] == [name]


def test_chats_survive_every_form(tmp_path: Path):
    chat = [{"role": "user", "content": "hé"}]
    table = pa.table({"messages": [chat], "kind": pa.array(["a"]).dictionary_encode()})
    write_table(table, tmp_path / "o.jsonl")
    assert read_table(str(tmp_path / "o.jsonl"))["messages"].to_pylist() == [chat]
    write_table(table, tmp_path / "o.csv")
    assert read_table(str(tmp_path / "o.csv")).to_pydict() == {"messages": ['[{"role": "user", "content": "hé"}]'], "kind": ["a"]}


def test_json_lines_stay_json_where_a_number_is_not_finite(tmp_path: Path):
    write_table(pa.table({"x": [1.5, float("nan"), float("inf")]}), tmp_path / "o.jsonl")
    assert (tmp_path / "o.jsonl").read_text() == '{"x": 1.5}\n{"x": null}\n{"x": null}\n'


def test_equal_tables_give_equal_gzip_files(tmp_path: Path):
    for name in ("a.csv.gz", "b.csv.gz"):
        write_table(TABLE, tmp_path / name)
    assert (tmp_path / "a.csv.gz").read_bytes() == (tmp_path / "b.csv.gz").read_bytes()


@pytest.mark.parametrize("name", ["o.xlsx", "o", "o.parquet.gz"])
def test_unknown_ending(tmp_path: Path, name: str):
    with pytest.raises(DataError, match=r"no form for this ending; allowed: \.parquet"):
        write_table(TABLE, tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_missing_folder_and_folder_as_file(tmp_path: Path):
    with pytest.raises(DataError, match="does not exist"):
        write_table(TABLE, tmp_path / "no" / "o.csv")
    (tmp_path / "o.csv").mkdir()
    with pytest.raises(DataError, match="is a folder"):
        write_table(TABLE, tmp_path / "o.csv")


WRITE = """
import sys, pyarrow as pa
from probrm.data import write_table
from probrm.errors import DataError
try:
    write_table(pa.table({"x": [str(i) * 40 for i in range(20_000)]}), sys.argv[1])
except DataError as error:
    print(error)
"""


@pytest.mark.parametrize("name", ["o.parquet", "o.csv", "o.jsonl.gz"])
def test_a_disk_that_refuses_leaves_the_old_file(tmp_path: Path, name: str):
    path = tmp_path / name
    path.write_text("old")

    def limit() -> None:  # the one limit on writing that needs no rights; Python turns its signal into an error
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))

    done = subprocess.run([sys.executable, "-c", WRITE, path], preexec_fn=limit, cwd=ROOT, capture_output=True, text=True, check=True)
    assert f"{path}: cannot be written: the file is larger than allowed here" in done.stdout
    assert "raise the limit" in done.stdout
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == [name]


def test_a_full_disk(tmp_path: Path):
    unshare = [shutil.which("unshare") or "unshare", "-rm"]
    mount = f"mount -t tmpfs -o size=128k tmpfs {tmp_path}"
    try:
        subprocess.run([*unshare, "sh", "-c", mount], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no small disk can be mounted here (unshare -rm)")
    script = f'{mount} && "$0" -c "$1" {tmp_path}/o.parquet && ls -A {tmp_path}'
    done = subprocess.run([*unshare, "sh", "-c", script, sys.executable, WRITE], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [
        f"{tmp_path}/o.parquet: cannot be written: the disk is full",
        "  fix: free some space, or write elsewhere",
    ]


ODD = {
    "bytes": (pa.array([b"\xff\x00", None], pa.binary()), ["/wA=", ""]),
    "large bytes": (pa.array([b"\xff\x00", None], pa.large_binary()), ["/wA=", ""]),
    "bytes in codes": (pa.array([b"\x00", None], pa.binary()).dictionary_encode(), ["AA==", ""]),
    "fixed": (pa.array([b"ab", None], pa.binary(2)), ["YWI=", ""]),
    "view": (pa.array(["\u00fc,\n", None], pa.string_view()), ["\u00fc,\n", ""]),
    "bytes in a view": (pa.array([b"ab", None], pa.binary_view()), ["YWI=", ""]),
    "interval": (pa.array([(1, 2, 3), None], pa.month_day_nano_interval()), ["MonthDayNano(months=1, days=2, nanoseconds=3)", ""]),
    "runs": (pa.array(["a", None]).dictionary_encode().cast(pa.string()), ["a", ""]),
    "uuid": (pa.array([b"0123456789abcdef", None], pa.uuid()), ["MDEyMzQ1Njc4OWFiY2RlZg==", ""]),
    "decimals": (pa.array([1, None]).cast(pa.decimal128(21, 2)), ["1.00", ""]),
    "list view": (pa.array([[1, None], None], pa.list_view(pa.int8())), ["[1, null]", ""]),
    "empty list": (pa.array([[], None], pa.list_(pa.int8())), ["[]", ""]),
}


@pytest.mark.parametrize("name", ODD)
def test_columns_of_any_type_fit_into_a_csv(name: str, tmp_path: Path):
    column, expected = ODD[name]
    write_table(pa.table({"x": column, "y": ["a", "b"]}), tmp_path / "o.csv")
    with (tmp_path / "o.csv").open(newline="") as file:
        assert [row["x"] for row in csv.DictReader(file)] == expected


@pytest.mark.parametrize("name", ["bytes", "bytes in codes", "view", "uuid"])
def test_bytes_are_base64_in_json_lines_too(name: str, tmp_path: Path):
    column, expected = ODD[name]
    write_table(pa.table({"x": column}), tmp_path / "o.jsonl")
    assert [json.loads(line)["x"] for line in (tmp_path / "o.jsonl").read_text().splitlines()] == [expected[0], None]
