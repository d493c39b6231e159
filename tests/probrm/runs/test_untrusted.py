"""Nothing in a run's folder makes probrm read outside of it, hang, take memory beyond the files' own, or end in a traceback."""

from __future__ import annotations

import json
import os
import resource
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import probrm
from probrm.errors import RunError
from tests.probrm.runs.untrusted import CASES, copy, sign
from tests.support import call, refused


@pytest.mark.parametrize("name", CASES)
def test_a_message_in_bounded_time_and_memory(name: str, tmp_path: Path) -> None:
    run = copy(tmp_path / "run")
    CASES[name](run)
    before, begun = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.monotonic()
    with pytest.raises(RunError) as caught:
        probrm.load(run)
    assert time.monotonic() - begun < 5
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 500_000  # kilobytes
    assert str(caught.value).startswith(f"{run}: ")
    assert len(str(caught.value)) < 1200


def test_the_record_as_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    run = copy(tmp_path / "run")
    (run / "run.json").unlink()
    os.mkfifo(run / "run.json")
    with pytest.raises(RunError, match="not a run of probrm"):
        probrm.load(run)


def test_what_is_signed_anew_opens(tmp_path: Path) -> None:
    """The other tests fail for what they change, not for how."""
    run = copy(tmp_path / "run")
    sign(run)
    assert len(probrm.load(run).draws["reward_weights"]) == 8


@pytest.mark.parametrize("verb", ["posterior", "report", "score", "evaluate"])
def test_every_command_that_opens_a_run_says_so(verb: str, tmp_path: Path) -> None:
    run = copy(tmp_path / "run")
    CASES["draws in another file (external storage)"](run)
    data = str(Path(__file__).parents[2] / "saved_runs" / "pairs.parquet")
    more = {"score": ["--data", data, "--out", str(tmp_path / "s.csv")], "evaluate": ["--data", data]}.get(verb, [])
    refused(call(verb, str(run), *more), "the run is damaged: ", "refers to other files")


@pytest.mark.parametrize("source", ["owner/name", "owner/name:train", "https://example.org/log.parquet", "s3://bucket/log.parquet"])
def test_rows_that_a_run_names_elsewhere_are_never_fetched(source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(*_: object, **__: object) -> None:
        raise AssertionError("a run made probrm open a connection")

    monkeypatch.setattr(socket, "socket", offline)
    monkeypatch.setattr(socket, "getaddrinfo", offline)
    run = copy(tmp_path / "run")
    sign(run, lambda main: main["record"]["data"].update(source=source, sha256=None))
    refused(call("posterior", str(run), "--row", "1"), source, "never fetched")
    done = call("posterior", str(run), "--netcdf", str(tmp_path / "d.nc"))
    assert done.code == 0
    assert "never fetched" in done.err


@pytest.mark.long
def test_bytes_changed_at_random(tmp_path: Path, simulations: Callable[[int, int], int]) -> None:
    """No traceback, no crash of a library, nothing that takes 20 seconds."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[3]), *filter(None, sys.path)])}
    count = simulations(600, 150)
    done = subprocess.run(
        [sys.executable, "-m", "tests.probrm.runs.mutations", str(count), "3"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    seen = json.loads(done.stdout)
    assert set(seen) <= {"0", "2"}, done.stderr[-3000:]
    assert seen["2"] > 2 / 3 * count
