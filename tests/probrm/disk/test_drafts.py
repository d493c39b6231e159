"""What killed commands left is found and named; what a living process holds is not touched."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from probrm.disk import drafts, recover
from probrm.disk.drafts import draft


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_leftovers_of_the_dead_are_removed_and_named() -> None:
    for name in (".r.01234567.partial", ".r-2.89abcdef.partial", ".r.00000000.old"):
        Path(name).mkdir()
        Path(name, "x").touch()
    Path("r").mkdir()
    others = [".r.checkpoint", ".rr.01234567.partial", ".r.xyz.partial", "r.01234567.partial", ".r.01234567.partial.txt"]
    for name in others:
        Path(name).touch()
    notes = recover("r")
    assert sorted(os.listdir()) == sorted([*others, "r"])
    assert len(notes) == 3
    assert all("removed; a command that was killed had left it" in note for note in notes)
    assert recover("r") == []


@pytest.mark.parametrize("name", ["s.csv.gz", "v1.2"])
def test_names_with_dots(name: str) -> None:
    Path(f".{name}.01234567.partial").touch()
    Path(f".{name.replace('.', '-2.', 1)}.01234567.partial").touch()
    assert len(recover(name)) == 2
    assert os.listdir() == []


def test_what_was_set_aside_is_put_back_where_nothing_is() -> None:
    Path(".r.01234567.old").mkdir()
    Path(".r.01234567.old/run.json").write_text("old")
    assert recover("r") == [f"{Path('r').absolute()}: put back; a command that was killed had set it aside to replace it"]
    assert Path("r/run.json").read_text() == "old"


def test_links_and_pipes_are_left_alone(tmp_path: Path) -> None:
    Path("precious").mkdir()
    Path(".r.01234567.partial").symlink_to("precious")
    Path(".r.01234567.old").symlink_to("precious")
    os.mkfifo(".r.76543210.partial")
    assert recover("r") == []
    assert not os.path.lexists("r")


HOLD = """
import sys
from pathlib import Path
from probrm.disk.drafts import draft
with draft(Path("r").absolute(), folder=sys.argv[1] == "folder") as (fresh, _):
    print(fresh.name, flush=True)
    sys.stdin.read()
"""


@pytest.mark.parametrize("kind", ["folder", "file"])
def test_those_of_the_living_stay(kind: str) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, kind], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout is not None
        name = process.stdout.readline().strip()
        assert recover("r") == []
        assert os.listdir() == [name]
        process.kill()
        process.wait()
        assert len(recover("r")) == 1
    assert os.listdir() == []


def test_without_locks_nothing_is_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drafts, "lock", lambda *_, **__: None)
    Path(".r.01234567.partial").touch()
    assert recover("r") == []
    with draft(Path("s").absolute(), folder=False) as (fresh, _):
        assert fresh.exists()
    assert os.listdir() == [".r.01234567.partial"]


@pytest.mark.parametrize("name", ["nowhere/r", "x" * 300, "a\0b"])
def test_places_that_are_not_there(name: str) -> None:
    assert recover(name) == []
