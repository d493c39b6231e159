"""Where commands write: a place that cannot be is refused before the run, the data or an encoder is looked at; nothing finished is lost."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import probrm
from probrm.runs.run import Run
from tests import support
from tests.support import call, quick_fit, refused

SAVED = Path(__file__).parents[1] / "saved_runs"
RUN = str(SAVED / "implicit")

# Neither the run nor the data is there: whoever looks at them first says another thing.
COMMANDS: dict[str, Callable[[str], list[str]]] = {
    "fit": lambda out: ["fit", "implicit", "--data", "none.csv", "--out", out],
    "fit --resume": lambda out: ["fit", "implicit", "--data", "none.csv", "--out", out, "--resume"],
    "fit --overwrite": lambda out: ["fit", "implicit", "--data", "none.csv", "--out", out, "--overwrite"],
    "score": lambda out: ["score", "norun", "--data", "none.csv", "--out", out and f"{out}.csv", "--overwrite"],
    "embed": lambda out: ["embed", "--data", "none.csv", "--out", out, "--overwrite"],
    "simulate": lambda out: ["simulate", "implicit", "--data", "none.csv", "--out", out and f"{out}.csv", "--overwrite"],
    "report": lambda out: ["report", "norun", "--out", out, "--overwrite"],
    "posterior --netcdf": lambda out: ["posterior", "norun", "--netcdf", out],
    "posterior --plots": lambda out: ["posterior", "norun", "--plots", out],
    "compare": lambda out: ["compare", "naive", "ips", "--log", "none.csv", "--out", out],
}
BAD = ["", "dangling", "loop", "pipe", "file/x", "x" * 300, "/proc/x"]


@pytest.fixture
def places() -> None:
    for name in ("", ".csv"):
        Path(f"dangling{name}").symlink_to("nowhere")
        Path(f"loop{name}").symlink_to(f"loop{name}")
        os.mkfifo(f"pipe{name}")
    Path("file").touch()


@pytest.mark.usefixtures("places")
@pytest.mark.parametrize("out", BAD)
@pytest.mark.parametrize("command", COMMANDS)
def test_before_the_work(command: str, out: str) -> None:
    before = sorted(os.listdir())
    done = call(*COMMANDS[command](out))
    flag = command.partition(" ")[2] if command.startswith("posterior") else "--out"
    assert done.code == 2
    assert done.out == ""
    assert "norun" not in done.err
    assert "none.csv" not in done.err or "does not exist" in done.err
    named = out or "''"
    assert named in done.err
    assert flag in done.err or "does not exist" in done.err  # of a table the folder is asked for first
    assert sorted(os.listdir()) == before


def test_scores_never_replace_what_they_are_made_from() -> None:
    frame = support.log_frame(20)
    frame.to_csv("log.csv", index=False)
    Path("parts").mkdir()
    frame.to_csv("parts/a.csv", index=False)
    Path("link.csv").symlink_to("log.csv")
    os.link("log.csv", "same.csv")
    before = Path("log.csv").read_bytes()
    for data, out in (
        ("log.csv", "log.csv"),
        ("log.csv", "link.csv"),
        ("log.csv", "same.csv"),
        ("parts", "parts/a.csv"),
        ("parts/*.csv", "parts/a.csv"),
    ):
        refused(call("score", "norun", "--data", data, "--out", out, "--overwrite"), f"--out {out}", "which this command reads")
        refused(call("embed", "--data", data, "--out", out, "--overwrite"), f"--out {out}", "which this command reads")
        refused(call("simulate", "implicit", "--data", data, "--out", out, "--overwrite"), f"--out {out}", "which this command reads")
    assert Path("log.csv").read_bytes() == before


def test_nothing_is_written_into_a_run() -> None:
    inside = f"{RUN}/s.csv"
    refused(call("score", RUN, "--data", support.truth_path(), "--out", inside), "inside the run")
    refused(call("embed", "--data", support.truth_path(), "--out", inside), "inside the run")


def test_a_table_of_any_type_is_scored_to_a_csv() -> None:
    table = pq.read_table(SAVED / "log.parquet").slice(0, 12)
    odd = {
        "bytes": pa.array([b"\xff\x00"] * 12, pa.binary()),
        "view": pa.array(["ü,\n"] * 12, pa.string_view()),
        "codes": pa.array([b"\x00"] * 12, pa.binary()).dictionary_encode(),
        "list": pa.array([[1, None]] * 12, pa.list_(pa.int8())),
        "fixed": pa.array([b"ab"] * 12, pa.binary(2)),
    }
    for name, column in odd.items():
        table = table.append_column(name, column)
    pq.write_table(table, "odd.parquet")
    done = call("score", RUN, "--data", "odd.parquet", "--embeddings", str(SAVED / "store.safetensors"), "--out", "s.csv")
    assert done.code == 0, done.err
    found = pd.read_csv("s.csv")
    assert found[["bytes", "view", "list", "fixed"]].iloc[0].tolist() == ["/wA=", "ü,\n", "[1, null]", "YWI="]


def theirs(monkeypatch: pytest.MonkeyPatch, put: Callable[[], object]) -> None:
    """Another command takes the name while the run is written."""
    write = Run._write

    def late(run: Run, folder: Path, named: Path | None = None) -> None:
        write(run, folder, named)
        put()

    monkeypatch.setattr(Run, "_write", late)


def test_a_fit_that_loses_its_name_keeps_its_run_and_says_where(monkeypatch: pytest.MonkeyPatch) -> None:
    def put() -> None:
        Path("r").mkdir()
        (Path("r") / "run.json").write_text("theirs")

    theirs(monkeypatch, put)
    refused(call(*quick_fit(Path("r"), "--quiet")), "--out r", "kept in r-2")
    assert os.listdir("r") == ["run.json"]
    assert probrm.load("r-2").kind == "implicit"
    assert sorted(os.listdir()) == ["r", "r-2"]


def test_a_name_that_was_made_up_is_counted_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def put() -> None:
        (Path("runs") / "implicit-log").mkdir(parents=True)
        (Path("runs") / "implicit-log" / "run.json").write_text("theirs")

    from probrm_cli.fit.flags import Request
    from probrm_cli.fit.run import _save

    theirs(monkeypatch, put)
    run = probrm.load(RUN)
    _save(run, Path("runs/implicit-log"), Request("implicit", {}, "log.csv"))
    assert run.path == Path("runs/implicit-log-2")
    assert probrm.load("runs/implicit-log-2").kind == "implicit"


def test_a_run_behind_a_link_is_replaced_and_the_link_stays() -> None:
    shutil.copytree(RUN, "far/r")
    Path("r").symlink_to("far/r")
    refused(call(*quick_fit(Path("r"))), "already holds a run")
    run = probrm.load("r")
    run.config["seed"] = 5
    run.save("r", overwrite=True)
    assert Path("r").is_symlink()
    assert probrm.load("far/r").config["seed"] == 5


def test_what_a_killed_command_left_is_named_and_gone() -> None:
    Path(".r.01234567.partial").mkdir()
    shutil.copytree(RUN, ".r.89abcdef.old")
    refused(call("posterior", "r"), "killed while it replaced this run", "mv ")
    done = call(*quick_fit(Path("r")))
    refused(done_without_notes(done.err, done.code), "already holds a run")
    assert "put back" in done.err
    assert ".r.01234567.partial: removed" in done.err
    assert os.listdir() == ["r"]
    assert call("posterior", "r").code == 0


def done_without_notes(err: str, code: int) -> support.Outcome:
    return support.Outcome(code, "", "".join(line for line in err.splitlines(keepends=True) if not line.startswith("note: ")))


def test_one_fit_at_a_time_has_the_training_states() -> None:
    from probrm.runs.checkpoints import checkpoint_of, in_use

    arguments = ["fit", "implicit", "--data", "none.csv", "--out", "r"]
    with in_use(checkpoint_of("r")):
        refused(call(*arguments, "--resume"), "another fit is at work", ".r.checkpoint")
    assert os.listdir() == []
    Path(".r.checkpoint").mkdir()
    Path(".r.checkpoint/training-1.safetensors").touch()
    done = call(*arguments)
    assert done.code == 2
    assert ".r.checkpoint: training states of a fit that did not end; --resume goes on from them" in done.err
