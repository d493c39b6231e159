"""Commands killed at random moments: ``python -m tests.probrm_cli.kills HOW_MANY`` in an empty folder prints what became of them.

Each command is a child process that begins with everything imported, so that the kills fall into its work.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import h5py
import pyarrow.csv

import probrm
import probrm.recipes
from probrm.disk import recover
from probrm.encoders import read_store
from probrm_cli.main import main as command_line
from tests import support
from tests.support import QUICK

SVI = (
    "--inference",
    "svi",
    "--starts",
    "1",
    "--set",
    "inference.refit=false",
    "--set",
    "inference.draws=50",
    "--set",
    "inference.max_steps=60",
)


def whole(path: Path) -> object:
    """What is there, read in full by the reader of its kind; None where nothing is."""
    if not path.exists():
        return None
    if path.is_dir():
        run = probrm.load(path)
        return run.config["seed"], len(run.draws)
    if path.suffix == ".csv":
        return pyarrow.csv.read_csv(path).num_rows
    if path.suffix == ".safetensors":
        return read_store(path).dim
    if path.suffix == ".nc":
        with h5py.File(path) as file:
            group = file["posterior"]
            assert isinstance(group, h5py.Group)
            return sorted(group)
    text = path.read_text()
    assert text.rstrip().endswith("</html>")
    return "html"


def commands(run: str) -> dict[str, tuple[str, Sequence[str]]]:
    """By name: what is written, and the command."""
    fit = ["fit", "implicit", "--data", support.log_path(), "--embeddings", support.store_path(), "-q"]
    return {
        "fit": ("r", [*fit, *QUICK, "--out", "r"]),
        "fit --resume": ("q", [*fit, *SVI, "--out", "q", "--resume"]),
        "fit --overwrite": ("o", [*fit, *QUICK, "--seed", "1", "--out", "o", "--overwrite"]),
        "embed": ("s.safetensors", ["embed", "--data", "few.csv", "--out", "s.safetensors", "--overwrite", "-q"]),
        "score": (
            "s.csv",
            ["score", run, "--data", support.truth_path(), "--embeddings", support.store_path(), "--out", "s.csv", "--overwrite", "-q"],
        ),
        "report": ("r.html", ["report", run, "--out", "r.html", "--overwrite", "-q"]),
        "posterior --netcdf": ("d.nc", ["posterior", run, "--netcdf", "d.nc", "-q"]),
    }


def begin(arguments: Sequence[str]) -> int:
    """The command in a child process; its messages go to ``messages``."""
    child = os.fork()
    if child:
        return child
    with open("messages", "wb") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    sys.argv = ["probrm", *arguments]
    try:
        command_line()
    except SystemExit as left:
        os._exit(left.code if isinstance(left.code, int) else 1)  # without the parent's own tidying up
    finally:
        os._exit(1)


def finish(child: int) -> int:
    """Its exit code; below zero where a signal ended it."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def one(name: str, path: Path, arguments: Sequence[str], wait: float) -> dict[str, Any]:
    """A command that is killed after ``wait`` seconds, and what is there before, after, and after the next one."""
    if name in ("fit", "fit --resume"):
        shutil.rmtree(path, ignore_errors=True)
    before = whole(path)
    child = begin(arguments)
    time.sleep(wait)
    os.kill(child, signal.SIGKILL)
    code = finish(child)
    at_once = whole(path)
    recover(path)
    row: dict[str, Any] = {"command": name, "code": code, "before": before, "at once": at_once, "after": whole(path)}
    row["hidden"] = [hidden for hidden in os.listdir() if hidden.startswith(".")]
    if name == "fit --resume":  # goes on from whatever is there
        row["resumed"] = finish(begin(arguments))
        row["messages"] = Path("messages").read_text()
        row["then"] = whole(path)
        row["checkpoint"] = Path(f".{path}.checkpoint").exists()
    return row


def main(count: int) -> None:
    run = support.short_run_path()
    support.log_frame(30)[["prompt", "response"]].to_csv("few.csv", index=False)
    shutil.copytree(run, "o")
    asked, seconds, draw = commands(run), {}, random.Random(0)
    for name, (_, arguments) in asked.items():
        begun = time.monotonic()
        assert finish(begin(arguments)) == 0, (name, Path("messages").read_text())
        seconds[name] = time.monotonic() - begun
    rows = []
    for i in range(count):
        name = list(asked)[i % len(asked)]
        path, arguments = asked[name]
        rows.append(one(name, Path(path), arguments, seconds[name] * draw.uniform(0.4, 1.05)))
    print(json.dumps({"seconds": seconds, "rows": rows}))


if __name__ == "__main__":
    with support.environment():
        main(int(sys.argv[1]))
