"""What judges generated cases, on commands that break what is promised: each fault is found, and told with the case."""

from __future__ import annotations

import ctypes
import os
import random
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from probrm.errors import DataError
from tests.probrm_cli.generated import __main__ as generated
from tests.probrm_cli.generated.case import Case, Kind, drawn
from tests.probrm_cli.generated.judge import faults, snapshot
from tests.probrm_cli.generated.kinds import KINDS
from tests.probrm_cli.generated.report import report

REFUSED = "error: x\n  fix: y\n"


def build(draw: random.Random, folder: Path, material: Path) -> Case:
    (folder / "log.csv").write_text("prompt,response,action\n")
    return Case(["inspect", "log.csv"])


def fails(*_: object) -> None:
    raise ZeroDivisionError


def leaves(*_: object) -> None:
    Path(".new.csv.0123abcd.partial").touch()
    raise DataError("x", fix="y")


def changes(*_: object) -> None:
    Path("log.csv").write_text("gone")
    raise DataError("x", fix="y")


def crashes(*_: object) -> None:
    ctypes.string_at(0)


def hangs(*_: object) -> None:
    time.sleep(60)


def obeys(*_: object) -> None:
    os.write(1, b"\x1b[31m\n")
    raise DataError("x", fix="y")


@pytest.mark.parametrize(
    ("command", "fault"),
    [
        (fails, "traceback: ZeroDivisionError at probrm_cli/inspection/command.py"),
        (leaves, "left behind: .new.csv.….partial"),
        (changes, "changed or gone: log.csv"),
        (crashes, "crash: SIGSEGV"),
        (hangs, "hang: more than"),
        (obeys, "control character U+001B in the output"),
    ],
)
def test_a_planted_fault_is_found(command: Callable[..., None], fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a process of its own, as all cases are: two of them, so that the one after a crash is run, too."""
    monkeypatch.setattr("probrm.inspection.inspect_file", command)
    monkeypatch.setattr(generated, "LIMIT", 0.3)
    bench = generated.Bench(tmp_path / "bench", (Kind("planted", build, 1),), 1, tmp_path)
    done, left = [], [0] if command is hangs else [0, 1]
    while left or bench.child is not None:
        if bench.child is None:
            bench.go(left)
        done += bench.wait(0.1)
        left = bench.left
    assert [one["number"] for one in done] == ([0] if command is hangs else [0, 1])
    assert all(one["faults"][0].startswith(fault) for one in done), [one["faults"] for one in done]
    told, failed = report(done, 1, 0.0)
    assert failed == len(done)
    assert f"{len(done)} × {done[0]['faults'][0]}" in told
    assert "PROBRM_GENERATED_SEED=1 python -m tests.probrm_cli.generated --case 0" in told


@pytest.mark.parametrize(
    ("code", "printed", "fault"),
    [
        (1, REFUSED, "exit code 1"),
        (130, "interrupted", "exit code 130"),
        (2, "something else", "no message"),
        (2, "error: Traceback (most recent call last)\n  fix: y\n", "traceback"),
        (2, f"error: {'x' * 30_000}\n  fix: y\n", "a message of more than"),
        (2, "error: \u202egpj\n  fix: y\n", "control character U+202E"),
        (2, "error: a\rb\n  fix: y\n", "control character U+000D"),
    ],
)
def test_what_is_printed(code: int, printed: str, fault: str, tmp_path: Path) -> None:
    assert faults([], 2, REFUSED, {}, tmp_path) == []
    assert [one for one in faults([], code, printed, {}, tmp_path) if one.startswith(fault)]


def test_what_is_written(tmp_path: Path) -> None:
    before = snapshot(tmp_path)
    (tmp_path / "new.parquet").write_text("half")
    assert faults([], 2, REFUSED, before, tmp_path) == ["half-written: new.parquet"]
    assert faults([], 0, "", before, tmp_path)[0].startswith(".parquet cannot be opened")
    (tmp_path / "new.parquet").rename(tmp_path / "new.html")
    (tmp_path / "new.html").write_text("<script>alert(1)</script></html>")
    assert "read as HTML" in faults([], 0, "", before, tmp_path)[0]


@pytest.mark.long
def test_a_case_follows_from_its_seed_and_number(tmp_path: Path) -> None:
    """Of every class, twice: the same command and the same files."""
    from tests.probrm_cli.generated.material import write

    write(tmp_path / "material")
    for kind in KINDS:
        made = []
        for i in range(2):
            folder = tmp_path / f"{kind.name.replace(' ', '-')}-{i}"
            folder.mkdir()
            case = kind.build(drawn(1, 3), folder, tmp_path / "material")
            made.append(
                (case.argv, {name: held for name, held in snapshot(folder).items() if not name.endswith((".gz", "store.safetensors"))})
            )
        assert made[0] == made[1], kind.name
