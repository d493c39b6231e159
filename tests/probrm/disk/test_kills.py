"""``kill -9`` at every step of a save: the old one or the new one is there, whole, and the next command tidies up."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.probrm.disk.kills import SAVES

ROOT = Path(__file__).parents[3]

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


@pytest.mark.parametrize("way", ["in one step", "fallback"])
@pytest.mark.parametrize("what", SAVES)
def test_the_old_or_the_new_one_whole(what: str, way: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.probrm.disk.kills", what, way, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    *killed, finished = json.loads(done.stdout)
    assert len(killed) >= 3
    assert not finished["killed"]
    assert (finished["then"], finished["left"], finished["hidden"], finished["notes"]) == ("new", ["r"], [], [])
    before = "old" if "instead" in what else "none"
    for row in killed:
        assert row["killed"]
        assert row["then"] in (before, "new"), row
        if way != "fallback" or "folder instead" not in what:  # without an exchange a folder may be away until the next command
            assert row["at once"] in (before, "new"), row
        assert set(row["left"]) <= {"r"}, row
        assert all(any(name in note for note in row["notes"]) for name in row["hidden"] if name.endswith(".partial")), row
    assert {row["then"] for row in killed} == {before, "new"}, "killed before it was there, and after"


def test_the_fallback_comes_between_the_renames(tmp_path: Path) -> None:
    """The kill that this is about is among them: the folder away, the old one hidden, and put back."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.probrm.disk.kills", "a folder instead of another", "fallback", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    between = [row for row in json.loads(done.stdout) if row["at once"] == "none"]
    assert between
    assert all(row["then"] == "old" and any("put back" in note for note in row["notes"]) for row in between)
