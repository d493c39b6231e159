"""Places that cannot be written to are refused before the work, in words, and nothing is left there."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from probrm.disk import check_file, check_folder_place
from probrm.errors import DataError, RunError


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("file").write_text("mine")
    Path("folder").mkdir()
    Path("dangling").symlink_to("nowhere")
    Path("loop").symlink_to("loop")
    Path("to-file").symlink_to("file")
    Path("to-folder").symlink_to("folder")
    os.link("file", "same")
    os.mkfifo("pipe")


BOTH = {
    "": "the name is empty",
    "  ": "the name is empty",
    "a\0b": "a zero byte",
    "dangling": "a link to nowhere, which is not there",
    "loop": "leads back to itself",
    "file/x": "is a file",
    "file/x/y": "is a file",
    "x" * 300: "the name is too long",
    "x" * 250: "the name is too long",  # of the hidden name beside it
    "new/" + "y" * 300 + "/z": "the name is too long",
    "/proc/x": "cannot be written",
    "/dev/null/x": "is a file",
}


@pytest.mark.parametrize("name", BOTH)
@pytest.mark.parametrize("check", [check_folder_place, lambda name: check_file(name, overwrite=True)], ids=["folder", "file"])
def test_names_that_cannot_be(name: str, check: Callable[[str], None], tmp_path: Path) -> None:
    before = sorted(os.listdir())
    with pytest.raises(RunError, match=BOTH[name]) as caught:
        check(name)
    assert caught.value.what.startswith("--out ")
    assert sorted(os.listdir()) == before


@pytest.mark.parametrize(
    ("name", "said"),
    [("folder", "it is a folder"), ("to-folder", "it is a folder"), ("pipe", "no ordinary file"), ("/dev/null", "no ordinary file")],
)
def test_files(name: str, said: str) -> None:
    with pytest.raises(DataError, match=said):
        check_file(name, overwrite=True, raised=DataError)


@pytest.mark.parametrize(
    ("name", "said"),
    [("file", "it is a file"), ("to-file", "it is a file"), ("pipe", "it is a file"), (".", "the current folder"), ("..", "or above it")],
)
def test_folders(name: str, said: str) -> None:
    with pytest.raises(RunError, match=said):
        check_folder_place(name)


@pytest.mark.parametrize("name", ["file", "to-file", "same", "./folder/../file"])
def test_an_input_is_never_replaced_by_whatever_name(name: str) -> None:
    with pytest.raises(RunError, match="the same file as file, which this command reads"):
        check_file(name, overwrite=True, inputs=["file"])
    check_file(name, overwrite=True, inputs=["folder", "nowhere"])
    with pytest.raises(RunError, match="exists already"):
        check_file(name, overwrite=False)


def test_places_that_are_fine_are_left_as_they_were() -> None:
    before = sorted(os.listdir())
    for name in ("new", "a/b/c", "folder/x", "to-folder/x"):
        check_file(name, overwrite=False)
        check_folder_place(name)
    check_folder_place("folder")
    check_folder_place("to-folder/")
    assert sorted(os.listdir()) == before
    assert os.listdir("folder") == []


MOUNTED = """
import sys
from probrm.disk import check_file, check_folder_place
from probrm.errors import RunError
for check in (check_folder_place, lambda name: check_file(name, overwrite=True)):
    for name in sys.argv[1:]:
        try:
            check(name)
            print("fine", name)
        except RunError as error:
            print(error.what)
"""


def test_mount_points_and_disks_that_can_only_be_read(tmp_path: Path) -> None:
    unshare = [shutil.which("unshare") or "unshare", "-rm"]
    mount = "mount -t tmpfs -o size=64k tmpfs disk && mkdir ro && mount -t tmpfs -o ro tmpfs ro && mount --bind folder bound && mount --bind file tied"
    Path("disk").mkdir()
    Path("bound").mkdir()
    Path("tied").touch()
    if subprocess.run([*unshare, "sh", "-c", "mount -t tmpfs tmpfs disk"], capture_output=True, check=False).returncode:
        pytest.skip("nothing can be mounted here (unshare -rm)")
    done = subprocess.run(
        [*unshare, "sh", "-c", f'{mount} && "$@"', "sh", sys.executable, "-c", MOUNTED, "disk", "bound", "tied", "disk/x", "ro/x"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        capture_output=True,
        text=True,
        check=True,
    )
    lines = done.stdout.splitlines()
    for name in ("disk", "bound"):
        assert f"--out {name}: it is a mount point, which cannot be replaced in one step" in lines
    assert "--out tied: it is a mount point, which cannot be replaced in one step" in lines
    assert lines.count("fine disk/x") == 2
    assert lines.count("--out ro/x: cannot be written: the disk can only be read") == 2
