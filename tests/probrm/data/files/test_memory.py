from __future__ import annotations

import resource
from collections.abc import Callable
from pathlib import Path

import pytest

from probrm.data import read_log, read_pairs, read_table
from probrm.data.files import memory
from probrm.data.files.memory import available, check_room, in_units, largest_text, within_memory
from probrm.data.products.records import records
from probrm.errors import DataError


@pytest.mark.parametrize(
    ("count", "shown"), [(900, "1 kB"), (5_000_000, "5.0 MB"), (5_700_000_000, "5.7 GB"), (2 * 10**15, "2,000.0 TB"), (0, "0 kB")]
)
def test_units(count: int, shown: str):
    assert in_units(count) == shown


def test_this_machine_has_some():
    assert 10**7 < available() < 10**15


def test_what_is_too_large_is_said_with_what_is_free(little_memory: Callable[[int], None]):
    little_memory(3_000_000)
    check_room("log.csv", 900_000, 600)
    assert largest_text() == 1_000_000
    with pytest.raises(
        DataError, match=r"log.csv: its table would take 1.0 MB in 601 rows; .* takes 3.3 MB of memory, and 3.0 MB are free"
    ):
        check_room("log.csv", 1_000_000, 601)


@pytest.mark.parametrize("content", ["100000000", "max"])
def test_a_control_group_is_a_limit(tmp_path: Path, content: str):
    (tmp_path / "memory.max").write_text(content)
    (tmp_path / "memory.current").write_text("60000000")
    (tmp_path / "memory.stat").write_text("anon 1\ninactive_file 5000000\n")
    left = memory._left(tmp_path / "memory.max", tmp_path / "memory.current", tmp_path / "memory.stat")
    assert left == (45_000_000 if content != "max" else memory._UNKNOWN)


def test_the_process_own_limit_counts():
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + (1 << 30), hard))
    try:
        assert 0.9 * (1 << 30) < available() <= 1.01 * (1 << 30)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def test_running_out_of_memory_is_told():
    with pytest.raises(DataError, match=r"log\.csv: there is not enough memory to read it"), within_memory("log.csv"):
        raise MemoryError


@pytest.mark.parametrize(
    ("read", "stage"),
    [
        (read_table, "probrm.data.files.tables.read_csv"),
        (read_log, "probrm.data.logs.log.read_conversations"),
        (read_pairs, "probrm.data.pairs.read.recognise"),
        (lambda file: list(records(file)), "probrm.data.products.records.csv_names"),
    ],
)
def test_at_every_stage(put: Callable[..., str], monkeypatch: pytest.MonkeyPatch, read: Callable[[str], object], stage: str):
    def too_much(*given: object, **more: object) -> None:
        raise MemoryError

    source = put("log.csv", "prompt,response,action\nx,y,1\n")
    monkeypatch.setattr(stage, too_much)
    with pytest.raises(DataError, match=r"log\.csv: there is not enough memory"):
        read(source)
