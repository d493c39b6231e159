"""A small log with a known truth, the run fitted to it once for all tests, and the command line called in this process."""

from __future__ import annotations

import functools
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pandas as pd
import pytest
import torch

from probrm.data import Conversation
from probrm.encoders import write_store
from probrm_cli.main import main

_ROOT = tempfile.TemporaryDirectory(prefix="probrm-tests-")
CACHE = Path(_ROOT.name) / "cache"
"""Of embeddings, shared by all tests that encode."""
FEATURES = "surface,hour"
DRAWS = 500
"""Of a quick fit: the densities of four times as many are half of its time."""
QUICK = ("--inference", "laplace", "--starts", "1", "--set", "inference.refit=false", "--set", f"inference.draws={DRAWS}")


def log_frame(n: int = 300, *, seed: int = 0, repeated: bool = False) -> Any:
    """A frame of sums with right and wrong answers; users act on answers they like when they are active, mostly in the ide.

    Each answer is shown once, or some several times (``repeated``), of which a fit learns more and takes three times as long.
    """
    draw = np.random.default_rng(seed)
    activity = draw.normal(0, 1, 12)
    rows: list[dict[str, Any]] = []
    for i in range(n):
        a, b, right = int(draw.integers(2, 12)), int(draw.integers(2, 8)), bool(draw.random() < 0.5)
        answer = f"The answer is {a + b}." if right else f"Sorry, no idea. Maybe {a + b + int(draw.integers(1, 9))}?"
        answer = answer if repeated else f"{answer} ({i})"
        surface, user = str(draw.choice(["ide", "web"])), int(draw.integers(12))
        probability = 1 / (1 + np.exp(-1.5 if right else 1.5))
        liked = bool(draw.random() < probability)
        active = bool(draw.random() < 1 / (1 + np.exp(-(1.8 if surface == "ide" else -0.5) - activity[user])))
        rows.append(
            {
                "id": f"r{i}",
                "prompt": f"What is {a} + {b}?",
                "response": answer,
                "action": int(liked and active),
                "user_id": f"u{user}",
                "surface": surface,
                "hour": float(draw.integers(24)),
                "label": int(liked),
                "true_probability": float(probability),
            }
        )
    return pd.DataFrame(rows)


def unlabelled(n: int = 300, *, seed: int = 0) -> Any:
    """The frame as users leave it: without verdicts and truth."""
    return log_frame(n, seed=seed).drop(columns=["label", "true_probability"])


@functools.cache
def log_path() -> str:
    """The unlabelled log on disk; do not write to it."""
    path = Path(_ROOT.name) / "log.parquet"
    unlabelled().to_parquet(path)
    return str(path)


@functools.cache
def truth_path() -> str:
    """200 other rows with verdicts and true probabilities."""
    path = Path(_ROOT.name) / "truth.parquet"
    log_frame(200, seed=1).to_parquet(path)
    return str(path)


@functools.cache
def store_path() -> str:
    """A store of short vectors for the texts of both files: fits take seconds, no encoder is loaded."""
    frame = pd.concat([log_frame(), log_frame(200, seed=1)])
    conversations = [Conversation(prompt, response) for prompt, response in zip(frame["prompt"], frame["response"], strict=True)]
    vectors = torch.randn(len(conversations), 6, generator=torch.Generator().manual_seed(0))
    vectors[:, 0] = torch.tensor([1.0 if c.response.startswith("The") else -1.0 for c in conversations])
    path = Path(_ROOT.name) / "store.safetensors"
    write_store(path, conversations, vectors, "a test's own encoder")
    return str(path)


@dataclass(frozen=True)
class Outcome:
    """What a command left: exit code, standard output, standard error."""

    code: int
    out: str
    err: str


@functools.cache
def run_path() -> str:
    """The run fitted to ``log_path`` with the default encoder; do not write to it."""
    path = str(Path(_ROOT.name) / "run")
    with environment():
        done = call("fit", "implicit", "--data", log_path(), "--propensity-features", FEATURES, *QUICK, "--out", path)
    assert done.code == 0, done.err
    return path


@functools.cache
def _short() -> tuple[str, Outcome]:
    path = Path(_ROOT.name) / "short"
    done = call(*quick_fit(path, "--propensity-features", FEATURES, "--json"))
    assert done.code == 0, done.err
    return str(path), done


def short_run_path() -> str:
    """A run on the store's short vectors; needs ``--embeddings`` of ``store_path``. Do not write to it."""
    return _short()[0]


def short_fit_output() -> Outcome:
    """What the command that made it printed, called with ``--json``."""
    return _short()[1]


@contextmanager
def environment() -> Iterator[None]:
    """The tests' own cache, and no terminal settings of the machine's."""
    with mock.patch.dict(os.environ, {"PROBRM_CACHE": str(CACHE)}):
        yield


def call(*args: str) -> Outcome:
    """``probrm ARGS`` in this process, entered through the console script's function. A traceback fails the test."""
    import io
    from contextlib import redirect_stderr, redirect_stdout

    out, err = io.StringIO(), io.StringIO()
    with mock.patch.object(sys, "argv", ["probrm", *args]), redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as left:
        main()
    code = left.value.code
    assert isinstance(code, int)
    assert "Traceback" not in out.getvalue() + err.getvalue()
    return Outcome(code, out.getvalue(), err.getvalue())


def refused(outcome: Outcome, *named: str, code: int = 2) -> None:
    """Holds an outcome against what bad input gets: the code, one message with a way to mend it, nothing on standard output."""
    assert outcome.code == code, outcome.err
    assert outcome.out == ""
    assert outcome.err.startswith("error: "), outcome.err
    assert outcome.err.count("\n") == 2, outcome.err
    assert "\n  fix: " in outcome.err
    for text in named:
        assert text in outcome.err, outcome.err


def script() -> Path:
    """The installed ``probrm``."""
    found = shutil.which("probrm", path=str(Path(sys.executable).parent))
    if found is None:
        pytest.skip("the package is not installed: there is no script beside this Python")
    return Path(found)


def quick_fit(out: Path, *flags: str, data: str | None = None) -> Sequence[str]:
    """Arguments of a fit on the store, a second at most."""
    return ("fit", "implicit", "--data", data or log_path(), "--embeddings", store_path(), "--out", str(out), *QUICK, *flags)


def naive_fit(out: Path, *flags: str, data: str | None = None) -> Sequence[str]:
    """Arguments of a fit of the naive model on the store, a fifth of ``quick_fit``'s time: where any model will do."""
    return ("fit", "naive", "--data", data or log_path(), "--embeddings", store_path(), "--out", str(out), *QUICK, *flags)
