"""Ctrl-C on a terminal, in the middle of encoding and of training: one message, exit code 130, nothing half-written."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

import probrm
from probrm_cli.main import app
from tests import support
from tests.support import call

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs a POSIX terminal")


def interrupt(bar: str, *args: str) -> tuple[int, str, str]:
    """Runs the installed script with standard error on a terminal, and interrupts it once the bar named ``bar`` has been drawn."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen([support.script(), *args], stdout=subprocess.PIPE, stderr=theirs, text=True)
    os.close(theirs)
    seen, sent = b"", False
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        try:
            seen += os.read(ours, 4096)
        except OSError:  # the terminal is closed: the process has ended
            break
        if bar.encode() in seen and not sent:
            process.send_signal(signal.SIGINT)
            sent = True
    assert sent, f"no bar named {bar}: {seen.decode(errors='replace')}"
    try:
        out, _ = process.communicate(timeout=30)
    finally:
        process.kill()
    os.close(ours)
    return process.returncode, out, seen.decode(errors="replace")


MESSAGE = "interrupted: nothing was saved; what was encoded is kept in the cache"


def test_while_encoding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROBRM_CACHE", str(tmp_path / "cache"))
    frame = support.unlabelled(3000)
    frame["prompt"] = [f"{i}. " + "Tell me more about it. " * 30 for i in range(len(frame))]
    frame.to_parquet("long.parquet")
    code, out, err = interrupt("Encoding", "fit", "implicit", "--data", "long.parquet")
    assert (code, out) == (130, "")
    assert err.count(MESSAGE) == 1
    assert "Traceback" not in err
    assert {path.name for path in tmp_path.iterdir()} <= {"long.parquet", "cache"}


def test_while_training_over_a_former_run(tmp_path: Path) -> None:
    arguments = ["fit", "naive", "--data", support.log_path(), "--embeddings", support.store_path(), "--out", "r", "--overwrite"]
    assert call(*arguments, *support.QUICK, "--quiet").code == 0
    before = {path: path.read_bytes() for path in (tmp_path / "r").iterdir()}
    slow = ["--inference", "svi", "--set", "inference.max_steps=1000000", "--set", "inference.patience=100000", "--starts", "1"]
    code, out, err = interrupt("elbo", *arguments, *slow)
    assert (code, out) == (130, "")
    assert err.count(MESSAGE) == 1, err
    assert "Traceback" not in err
    assert "elbo" in err  # the bar says how it goes
    assert [path.name for path in tmp_path.iterdir()] == ["r"]
    assert {path: path.read_bytes() for path in (tmp_path / "r").iterdir()} == before
    assert probrm.load("r").config["inference"]["name"] == "laplace"


def test_while_saving(monkeypatch: pytest.MonkeyPatch) -> None:
    """In this process: the moment is too short to be hit from outside."""
    from probrm.runs.run import Run

    def stop(*_: object) -> bytes:
        raise KeyboardInterrupt

    assert call(*support.naive_fit(Path("r"))).code == 0
    before = {path: path.read_bytes() for path in Path("r").iterdir()}
    monkeypatch.setattr(Run, "groups", stop)
    done = call(*support.naive_fit(Path("r"), "--overwrite", "--seed", "1"))
    assert (done.code, done.out, done.err) == (130, "", MESSAGE + "\n")
    assert {path: path.read_bytes() for path in Path("r").iterdir()} == before
    assert [path.name for path in Path().iterdir()] == ["r"]


def test_in_a_destructor_where_python_drops_it(monkeypatch: pytest.MonkeyPatch) -> None:
    class Sink:
        def __del__(self) -> None:
            signal.raise_signal(signal.SIGINT)

    def work(*_: object, **__: object) -> int:
        sinks = [Sink(), Sink()]
        sinks.clear()
        for _wait in range(100):
            time.sleep(0.1)
        return 0

    monkeypatch.setattr(type(app), "__call__", work)
    hook, begun = sys.unraisablehook, time.monotonic()
    done = call("posterior", "r")
    assert (done.code, done.err) == (130, MESSAGE + "\n")
    assert time.monotonic() - begun < 5
    assert sys.unraisablehook is hook


def test_before_a_command_has_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(type(app), "__call__", stop)
    assert call("posterior", "r").code == 130


def test_scores_are_written_whole_or_not_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    import pyarrow.parquet

    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    support.log_frame(20)[["prompt", "response"]].to_csv("texts.csv", index=False)
    pd.DataFrame({"old": [1]}).to_parquet("s.parquet")
    before = Path("s.parquet").read_bytes()
    run, store = support.short_run_path(), support.store_path()
    monkeypatch.setattr(pyarrow.parquet, "write_table", stop)
    done = call("score", run, "--data", "texts.csv", "--embeddings", store, "--out", "s.parquet", "--overwrite")
    assert (done.code, done.out) == (130, "")
    assert Path("s.parquet").read_bytes() == before
    assert sorted(path.name for path in Path().iterdir()) == ["s.parquet", "texts.csv"]
