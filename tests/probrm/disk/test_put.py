"""Many processes save under one name at once: one has it, the others keep what they made, and nobody's work is lost."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from probrm.disk import TakenError, free_name, put_file, put_folder, renames
from probrm.runs.folder import MARKER

ROOT = Path(__file__).parents[3]


def race(folder: Path, processes: int, rounds: int, mode: str, way: str) -> dict[str, list[list[str]]]:
    (folder / "begin").write_text(str(time.time() + 0.6))
    started = {
        str(number): subprocess.Popen(
            [sys.executable, "-m", "tests.probrm.disk.racing", str(number), str(rounds), mode, way],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, sys.path)])},
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(processes)
    }
    return {number: json.loads(process.communicate()[0]) for number, process in started.items()}


@pytest.mark.parametrize("way", ["in one step", "fallback"])
def test_twenty_times_three_at_once(way: str, tmp_path: Path) -> None:
    told = race(tmp_path, processes=3, rounds=20, mode="once", way=way)
    for i in range(20):
        folders = {told[number][i][0]: number for number in told}
        files = {told[number][i][1]: number for number in told}
        assert len(folders) == len(files) == 3, "each process has a place of its own"
        assert f"r{i}" in folders
        assert f"f{i}.csv" in files
        for folder, number in folders.items():
            assert {file.name: file.read_text() for file in (tmp_path / folder).iterdir()} == dict.fromkeys(("a", "b", MARKER), number)
        for file, number in files.items():
            assert (tmp_path / file).read_text() == number * 1000
    assert not [name for name in os.listdir(tmp_path) if name.startswith(".")]


@pytest.mark.parametrize("way", ["in one step", "fallback"])
def test_with_overwrite_the_last_one_is_there_whole(way: str, tmp_path: Path) -> None:
    race(tmp_path, processes=3, rounds=10, mode="overwrite", way=way)
    for i in range(10):
        found = {file.name: file.read_text() for file in (tmp_path / f"r{i}").iterdir()}
        assert set(found) == {"a", "b", MARKER}
        assert len(set(found.values())) == 1
        assert len(set((tmp_path / f"f{i}.csv").read_text())) == 1
    assert sorted(os.listdir(tmp_path)) == sorted(["begin", *(f"r{i}" for i in range(10)), *(f"f{i}.csv" for i in range(10))])


@pytest.fixture(params=["in one step", "links", "neither"])
def _way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kernels and file systems: with renames that claim, with hard links only, with neither."""
    if request.param != "in one step":
        monkeypatch.setattr(renames, "_library", lambda: None)
    if request.param == "neither":

        def refuse(*_: object) -> None:
            raise OSError(errno.EPERM, os.strerror(errno.EPERM))

        monkeypatch.setattr(os, "link", refuse)


@pytest.mark.usefixtures("_way")
def test_what_somebody_else_put_there_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    def late(folder: Path) -> None:
        (folder / "x").write_text("mine")
        Path("r").mkdir(exist_ok=True)
        (Path("r") / "theirs").touch()

    for kept in ("r-2", "r-3"):
        with pytest.raises(TakenError) as caught:
            put_folder("r", late)
        assert caught.value.kept == Path(kept)
        assert Path(kept, "x").read_text() == "mine"
    assert os.listdir("r") == ["theirs"]
    Path("s.csv.gz").write_text("theirs")
    with pytest.raises(TakenError) as caught:
        put_file("s.csv.gz", b"mine", overwrite=False)
    assert (caught.value.kept, Path("s.csv.gz").read_text(), Path("s-2.csv.gz").read_text()) == (Path("s-2.csv.gz"), "theirs", "mine")
    put_file("t", b"mine", overwrite=False)
    assert Path("t").read_text() == "mine"
    Path("empty").mkdir()
    put_folder("empty", lambda folder: (folder / "x").touch())
    assert os.listdir("empty") == ["x"]
    assert not [name for name in os.listdir() if name.startswith(".")]


@pytest.mark.usefixtures("_way")
def test_a_file_where_a_folder_was_to_be(tmp_path: Path) -> None:
    def late(folder: Path) -> None:
        (tmp_path / "r").write_text("theirs")

    with pytest.raises(TakenError) as caught:
        put_folder(tmp_path / "r", late, replaceable=lambda path: path.is_dir())
    assert (tmp_path / "r").read_text() == "theirs"
    assert caught.value.kept == tmp_path / "r-2"


@pytest.mark.usefixtures("_way")
@pytest.mark.parametrize("crash", [KeyboardInterrupt, MemoryError, OSError(5, "Input/output error")])
def test_an_exception_leaves_what_was_there(crash: BaseException, tmp_path: Path) -> None:
    def fail(_: object) -> None:
        raise crash

    (tmp_path / "r").mkdir()
    (tmp_path / "s").write_text("old")
    for put in (lambda: put_folder(tmp_path / "r", fail, replaceable=lambda _: True), lambda: put_file(tmp_path / "s", fail)):
        with pytest.raises(crash if isinstance(crash, type) else type(crash)):
            put()
    assert sorted(os.listdir(tmp_path)) == ["r", "s"]
    assert (tmp_path / "s").read_text() == "old"


def test_a_link_stays_and_what_it_leads_to_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    (tmp_path / "far/file").write_text("old")
    (tmp_path / "file").symlink_to("far/file")
    (tmp_path / "folder").symlink_to("far")
    put_file(tmp_path / "file", b"new")
    assert ((tmp_path / "far/file").read_text(), (tmp_path / "file").is_symlink()) == ("new", True)
    put_folder(f"{tmp_path}/folder/", lambda folder: (folder / "x").touch(), replaceable=lambda _: True)
    assert (os.listdir(tmp_path / "far"), (tmp_path / "folder").is_symlink()) == (["x"], True)


def test_free_names(tmp_path: Path) -> None:
    assert free_name(tmp_path / "r") == tmp_path / "r"
    (tmp_path / "v1.2").mkdir()
    (tmp_path / "v1.2-2").symlink_to("nowhere")
    assert free_name(tmp_path / "v1.2") == tmp_path / "v1.2-3"
