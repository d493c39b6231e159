from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from probrm.errors import RunError
from probrm.runs.folder import MARKER, check_folder, choose_folder, free_folder, replace_file, write_folder


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def a_run(path: str = "r", text: str = "old") -> Path:
    folder = Path(path)
    folder.mkdir(parents=True)
    (folder / MARKER).write_text(text)
    return folder


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("logs.parquet", "m-logs"),
        ("/a/b/chat log (1).csv.gz", "m-chat-log-1"),
        ("owner/name:train", "m-name-train"),
        ("saved/", "m-saved"),
        ("../..", "m-data"),
        ("日本.csv", "m-日本"),
    ],
)
def test_a_new_folder_is_named_after_model_and_data(source: str, name: str) -> None:
    assert choose_folder(None, "m", source, overwrite=False) == Path("runs") / name
    assert list(Path().iterdir()) == []  # nothing is made before there is something to keep


def test_names_that_are_taken_are_counted_on() -> None:
    a_run("runs/m-logs")
    Path("runs/m-logs-2").touch()
    Path("runs/m-logs-3").symlink_to("nowhere")
    assert choose_folder(None, "m", "logs.csv", overwrite=False) == Path("runs/m-logs-4")
    assert free_folder(Path("r")) == Path("r")


def test_places_that_may_be_written() -> None:
    Path("empty").mkdir()
    assert choose_folder("empty", "m", "d", overwrite=False) == Path("empty")
    assert choose_folder("a/b/c", "m", "d", overwrite=False) == Path("a/b/c")
    a_run()
    assert choose_folder("r", "m", "d", overwrite=True) == Path("r")
    assert sorted(path.name for path in Path().iterdir()) == ["empty", "r"]


@pytest.mark.parametrize("overwrite", [False, True])
def test_what_is_no_run_is_never_replaced(overwrite: bool) -> None:
    Path("folder").mkdir()
    Path("folder/notes.txt").touch()
    Path("file").touch()
    (Path("strange") / MARKER).mkdir(parents=True)
    for name, message in (("folder", "no run of probrm"), ("file", "it is a file"), ("strange", "no run of probrm")):
        with pytest.raises(RunError, match=message):
            choose_folder(name, "m", "d", overwrite=overwrite)
        with pytest.raises(RunError, match=message):
            check_folder(Path(name), overwrite=overwrite)


def test_a_run_needs_a_word_to_be_replaced() -> None:
    a_run()
    with pytest.raises(RunError, match=r"already holds a run\n.*--overwrite"):
        choose_folder("r", "m", "d", overwrite=False)


@pytest.mark.parametrize("name", ["file/r", "x" * 300])
def test_places_that_cannot_be_written(name: str) -> None:
    Path("file").touch()
    with pytest.raises(RunError, match="cannot be written"):
        choose_folder(name, "m", "d", overwrite=False)


def write(text: str) -> Callable[[Path], None]:
    def into(folder: Path) -> None:
        (folder / MARKER).write_text(text)
        (folder / "more").write_bytes(b"x")

    return into


def test_written_whole_with_the_permissions_of_any_file() -> None:
    previous = os.umask(0o027)
    try:
        write_folder(Path("a/b/r"), write("new"))
    finally:
        os.umask(previous)
    assert Path("a/b/r", MARKER).read_text() == "new"
    assert stat.S_IMODE(Path("a/b/r").stat().st_mode) == 0o750
    assert stat.S_IMODE(Path("a/b/r", MARKER).stat().st_mode) == 0o640
    assert [path.name for path in Path("a/b").iterdir()] == ["r"]


def test_the_old_one_is_replaced_whole() -> None:
    (a_run() / "left over").touch()
    write_folder(Path("r"), write("new"), overwrite=True)
    assert sorted(path.name for path in Path("r").iterdir()) == ["more", MARKER]
    assert [path.name for path in Path().iterdir()] == ["r"]


@pytest.mark.parametrize("crash", [KeyboardInterrupt, ValueError, MemoryError])
@pytest.mark.parametrize("there", [False, True])
def test_a_crash_while_writing_leaves_what_was_there(crash: type[BaseException], there: bool) -> None:
    if there:
        a_run()

    def half(folder: Path) -> None:
        (folder / "more").write_text("half")
        raise crash

    with pytest.raises(crash):
        write_folder(Path("r"), half)
    assert [path.name for path in Path().iterdir()] == (["r"] if there else [])
    if there:
        assert [(path.name, path.read_text()) for path in Path("r").iterdir()] == [(MARKER, "old")]


@pytest.mark.parametrize(
    ("code", "reason"), [(28, "the disk is full"), (27, "the file is larger than allowed here"), (13, "you may not write there")]
)
def test_a_disk_that_refuses(code: int, reason: str) -> None:
    def refuse(folder: Path) -> None:
        raise OSError(code, os.strerror(code))

    with pytest.raises(RunError, match=rf"r: the run could not be saved: {reason}"):
        write_folder(Path("r"), refuse)
    Path("file").touch()
    with pytest.raises(RunError, match="could not be saved"):
        write_folder(Path("file/r"), write("new"))


def test_files_are_replaced_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    replace_file("a/b.nc", b"new")
    assert Path("a/b.nc").read_bytes() == b"new"
    assert stat.S_IMODE(Path("a/b.nc").stat().st_mode) == 0o644

    def refuse(*_: object) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(RunError, match=r"a/b.nc: cannot be written: the disk is full"):
        replace_file("a/b.nc", b"newer")
    assert [(path.name, path.read_bytes()) for path in Path("a").iterdir()] == [("b.nc", b"new")]
    with pytest.raises(RunError, match="cannot be written"):
        replace_file("a/b.nc/c", b"")
