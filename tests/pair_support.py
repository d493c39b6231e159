"""Small files of pairs with a known truth, and a store of their vectors: fits take a fraction of a second, no encoder is loaded."""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from probrm.data import Conversation
from probrm.encoders import write_store
from tests import support

_ROOT = tempfile.TemporaryDirectory(prefix="probrm-pairs-")
WEIGHTS = np.array([2.0, -1.0, 0.5, 0.0, 0.0, 0.0])
"""By which a response's vector is weighed: the reward's truth, a logit."""
QUICK = ("--inference", "laplace", "--set", "inference.refit=false")

FEW = ("--inference", "svi", "--set", "inference.max_steps=60", "--set", "inference.eval_every=20")
"""Behind ``QUICK``: the deterministic model is trained for a second at most, which is no good."""


def vector(text: str) -> np.ndarray:
    """What the store holds for a response: noise that belongs to the text."""
    return np.random.default_rng(list(text.encode())).normal(size=len(WEIGHTS)).astype(np.float32)


def reward(text: str) -> float:
    """The true reward of a response."""
    return float(vector(text) @ WEIGHTS)


def pair_frame(m: int = 300, *, seed: int = 0, ties: bool = False) -> Any:
    """Pairs, three a prompt, of which Bradley and Terry's model says who wins, or Davidson's with ν = 1."""
    draw = np.random.default_rng(seed)
    rows: list[dict[str, Any]] = []
    for i in range(m):
        prompt, texts = f"Question {seed}.{i // 3}?", [f"answer {seed}.{i}{side}" for side in "ab"]
        d = reward(texts[0]) - reward(texts[1])
        weights = np.array([np.exp(d / 2), 1.0 if ties else 0.0, np.exp(-d / 2)])
        outcome = int(draw.choice(3, p=weights / weights.sum()))
        chosen, rejected = texts[::-1] if outcome == 2 else texts
        rows.append({"id": f"r{i}", "prompt": prompt, "chosen": chosen, "rejected": rejected, "tie": int(outcome == 1)})
    frame = pd.DataFrame(rows)
    return frame if ties else frame.drop(columns="tie")


def single_frame(frame: Any) -> Any:
    """All responses of a frame of pairs, one a row."""
    sides = [frame[["prompt", side]].rename(columns={side: "response"}) for side in ("chosen", "rejected")]
    return pd.concat(sides, ignore_index=True)


@functools.cache
def pairs_path() -> str:
    """300 pairs on disk; do not write to it."""
    path = Path(_ROOT.name) / "pairs.parquet"
    pair_frame().to_parquet(path)
    return str(path)


@functools.cache
def other_path() -> str:
    """150 pairs of other prompts, with a column of subsets."""
    path = Path(_ROOT.name) / "test.parquet"
    frame = pair_frame(150, seed=1)
    frame.assign(subset=np.where(np.arange(150) < 60, "easy", "hard")).to_parquet(path)
    return str(path)


@functools.cache
def store_path() -> str:
    """A store for the texts of both files, of the file with ties, and for their prompts."""
    frames = pd.concat([pair_frame(), pair_frame(150, seed=1), pair_frame(seed=2, ties=True)])
    both = single_frame(frames)
    conversations = [Conversation(prompt, response) for prompt, response in zip(both["prompt"], both["response"], strict=True)]
    conversations += [Conversation(prompt, "") for prompt in frames["prompt"].unique()]
    path = Path(_ROOT.name) / "store.safetensors"
    write_store(path, conversations, np.array([vector(c.response or c.prompt_text) for c in conversations]), "a test's own encoder")
    return str(path)


def quick_fit(out: Path | str, *flags: str, data: str | None = None) -> Sequence[str]:
    """Arguments of a fit of Bradley–Terry on the store; most of its seconds train the deterministic model, see ``FEW``."""
    return ("fit", "bradley-terry", "--data", data or pairs_path(), "--embeddings", store_path(), "--out", str(out), *QUICK, *flags)


@functools.cache
def _fitted() -> tuple[str, support.Outcome]:
    path = str(Path(_ROOT.name) / "run")
    with support.environment():
        done = support.call(*quick_fit(path, "--json"))
    assert done.code == 0, done.err
    return path, done


def run_path() -> str:
    """The run fitted to ``pairs_path``; needs ``--embeddings`` of ``store_path``. Do not write to it."""
    return _fitted()[0]


def fit_output() -> support.Outcome:
    """What the command that made it printed, called with ``--json``."""
    return _fitted()[1]
