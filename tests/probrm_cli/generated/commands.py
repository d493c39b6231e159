"""Commands that work, on files that are there: what the classes of cases then spoil."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
from pathlib import Path

from tests.probrm.runs.untrusted import sign
from tests.probrm_cli.generated.case import LOGS, PAIRS, SAVED

QUICK = ("--inference", "laplace", "--starts", "1", "--set", "inference.refit=false", "--set", "inference.draws=8")
STEPS = ("--starts", "1", "--set", "inference.refit=false", "--set", "inference.draws=8", "--set", "inference.max_steps=3")
STORE = ("--embeddings", "store.safetensors")
BASELINES = ("naive", "ips", "rel-mf", "nnpu", "upu", "unbiased-bpr", "doubly-robust", "recrec", "sar-em")


def lay_out(folder: Path, material: Path, *, runs: tuple[str, ...] = ()) -> None:
    """The files of a case, each a copy that may be changed."""
    for name in ("log.parquet", "pairs.parquet", "store.safetensors", "other.safetensors", "truth.parquet", "rated.csv", "empty.csv"):
        shutil.copy(material / name, folder / name)
    (folder / "folder").mkdir()
    os.mkfifo(folder / "fifo")
    for run in runs:
        shutil.copytree(SAVED / run, folder / run)


def resigned(run: Path) -> None:
    """Hashes that fit what the files are now, where its record can still be read."""
    with contextlib.suppress(ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError, OSError):
        sign(run)


def fits(draw: random.Random) -> list[str]:
    """A fit of a few steps, of any model."""
    return fit_of(draw.choice(("implicit", "vrm", "bradley-terry", *(draw.choice(BASELINES) for _ in range(3)))), draw)


def fit_of(model: str, draw: random.Random, data: str = "") -> list[str]:
    """A fit of a few steps. The two models that take seconds all the same mostly get a store of other texts: they end when all is read."""
    slow = model in ("implicit", "vrm")
    store = ("--embeddings", "other.safetensors") if slow and draw.random() < 0.85 else STORE
    own = {"implicit": QUICK, "vrm": (*STEPS, "--selection", "one"), "naive": ("--set", "inference.draws=8")}
    words = ["fit", model, "--data", data or ("pairs.parquet" if model in PAIRS else "log.parquet"), *store, "--out", "new"]
    return [*words, *own.get(model, STEPS)]


def on_runs(draw: random.Random) -> tuple[list[str], tuple[str, ...]]:
    """A command on saved runs, and which they are."""
    run = draw.choice((*LOGS, *PAIRS))
    data = "pairs.parquet" if run in PAIRS else "log.parquet"
    truth = "pairs.parquet" if run in PAIRS else "truth.parquet"
    other = draw.choice(PAIRS if run in PAIRS else LOGS)
    ending = draw.choice((".csv", ".parquet", ".jsonl", ".csv.gz"))
    command = draw.choice((*["score", "evaluate", "posterior"] * 3, "compare", "compare", "rank", "report", "acquire", "drift", "export"))
    words = {
        "score": ["score", run, "--data", data, *STORE, "--out", f"new{ending}"],
        "rank": ["rank", run, "--data", data, *STORE, *draw.choice(([], ["--out", f"new{ending}"]))],
        "evaluate": ["evaluate", run, "--data", truth, *STORE, "--bootstrap", "10"],
        "posterior": ["posterior", run, *draw.choice(([], ["--row", "1"], ["--netcdf", "new.nc"], ["--psis"], ["--json"]))],
        "compare": draw.choice((["compare", run, other, "--data", truth, *STORE, "--bootstrap", "10"], _fitting(run, draw))),
        "report": ["report", run, "--out", "new.html"],
        "acquire": ["acquire", run, "--data", data, *STORE, "--budget", "3", *_tasks(draw, ending)],
        "drift": ["drift", run, "--data", draw.choice((data, truth)), *STORE, *draw.choice(([], ["--json"]))],
        "export": ["export", run, "new", "--to", draw.choice(("sentence-transformers", "transformers"))],
    }
    return words[command], tuple({run, other} if command == "compare" else {run})


def _tasks(draw: random.Random, ending: str) -> list[str]:
    tool = draw.choice(("argilla", "label-studio"))
    return draw.choice(([], ["--out", f"new{ending}"], ["--out", "new.json", "--to", tool]))


def _fitting(run: str, draw: random.Random) -> list[str]:
    """A comparison that fits a model first, and may keep it."""
    log, model = ("pairs.parquet", "bradley-terry") if run in PAIRS else ("log.parquet", draw.choice(BASELINES))
    words = ["compare", f"./{run}", model, "--log", log, *STORE, "--bootstrap", "10"]
    return [*words, *draw.choice(([], ["--data", log])), *draw.choice(([], ["--out", "kept"])), "--set", "inference.draws=8"]


def others(draw: random.Random) -> list[str]:
    """What needs neither a fit nor a run."""
    return draw.choice(
        (
            ["inspect", draw.choice(("log.parquet", "pairs.parquet", "truth.parquet", "rated.csv"))],
            [
                "simulate",
                "implicit",
                "--data",
                draw.choice(("rated.csv", "pairs.parquet")),
                "--out",
                draw.choice(("new.parquet", "new.csv", "new.jsonl")),
            ],
            ["embed", "--data", "log.parquet", "--encoder", "tiny", "--out", "new.safetensors"],
        )
    )


def any_command(draw: random.Random, folder: Path, material: Path) -> list[str]:
    """One of all, with its files."""
    which = draw.random()
    if which < 0.25:
        lay_out(folder, material)
        return fits(draw)
    if which < 0.35:  # a run is there already
        lay_out(folder, material, runs=("implicit",))
        words = fits(draw)
        words[words.index("new")] = "implicit"
        return [*words, *draw.choice(([], ["--overwrite"], ["--overwrite"], ["--resume"]))]
    if which < 0.75:
        words, runs = on_runs(draw)
        lay_out(folder, material, runs=runs)
        return words
    lay_out(folder, material)
    words = others(draw)
    if "tiny" in words:
        shutil.copytree(material / "tiny", folder / "tiny")
    return words
