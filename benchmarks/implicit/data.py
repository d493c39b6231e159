"""Rated answers of which logs are simulated: three real sets, read where they lie, and one whose truth is a line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
from scipy.special import expit

from probrm.data import Conversation
from probrm.encoders import EncoderConfig, encode_all, write_store
from probrm.simulation import above_median

ATTRIBUTES = ["consistency", "relevance", "fluency", "coherence"]
SYNTHETIC_ROWS, SYNTHETIC_COLUMNS, SYNTHETIC_SCALE = 4000, 8, 2.4
"""A reward with this standard deviation has a best reachable AUROC of about .87."""
SYNTHETIC_LEVELS = (-2.0, -0.7, 0.0, 1.3)
"""Cuts of the noisy latent between ratings 1 to 5."""


@dataclass(frozen=True)
class Answers:
    """n rated answers with their vectors.

    Attributes:
        name: of the set.
        prompt: codes of the prompts: what is split, and within which pairs are formed.
        vectors: float32 (n, d).
        rating: in the set's unit.
        good: the true preference.
        probability: that it was drawn from; None where nobody knows it.
    """

    name: str
    prompt: np.ndarray
    vectors: np.ndarray
    rating: np.ndarray
    good: np.ndarray
    probability: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.rating)


def load(name: str, folder: Path | None, out: Path, seed: int) -> Answers:
    """One of ``SETS``; vectors of texts are encoded once and kept under ``out``. Only the synthetic set depends on the seed."""
    if name == "synthetic":
        return synthetic(seed)
    if folder is None:
        raise SystemExit(
            f"{name}: PROBRM_DATA is unset; it names the folder with dialsummeval/, ifllm/ and ukp/. --datasets synthetic needs none."
        )
    frame = READERS[name](folder).dropna()
    frame = frame[(frame["prompt"].str.strip() != "") & (frame["response"].str.strip() != "")]
    texts = [Conversation(prompt, response) for prompt, response in zip(frame["prompt"], frame["response"], strict=True)]
    rating = np.asarray(frame["rating"], dtype=np.float64)
    codes, _ = pd.factorize(frame["group" if "group" in frame else "prompt"])
    return Answers(name, codes, encoded(texts, out / "vectors" / f"{name}.safetensors"), rating, above_median(rating)[0])


def encoded(texts: list[Conversation], store: Path) -> np.ndarray:
    """Vectors of the default encoder, from ``store`` where it is there."""
    config = EncoderConfig()
    found = encode_all(texts, config, device="cpu", embeddings=str(store) if store.exists() else None)
    if not store.exists():
        store.parent.mkdir(parents=True, exist_ok=True)
        write_store(store, texts, found.vectors, found.key)
    return found.vectors.numpy()


def synthetic(seed: int, n: int = SYNTHETIC_ROWS) -> Answers:
    """A reward that is linear in eight normal columns; the rating is its noisy latent on five levels, good from 4 on."""
    draw = np.random.default_rng([seed, 77])
    vectors = draw.normal(size=(n, SYNTHETIC_COLUMNS))
    weights = draw.normal(size=SYNTHETIC_COLUMNS)
    logit = vectors @ (SYNTHETIC_SCALE * weights / np.linalg.norm(weights))
    latent = logit + draw.logistic(size=n)
    rating = 1.0 + np.searchsorted(SYNTHETIC_LEVELS, latent)
    return Answers("synthetic", draw.integers(n // 5, size=n), vectors.astype(np.float32), rating, latent > 0, expit(logit))


def _dialsummeval(folder: Path) -> pd.DataFrame:
    """Summaries; the mean of four attributes."""
    frame = pd.read_parquet(folder / "dialsummeval" / "ratings.parquet")
    return pd.DataFrame({"prompt": frame["dialogue"], "response": frame["summary"], "rating": frame[ATTRIBUTES].mean(axis=1)})


def _ifllm(folder: Path) -> pd.DataFrame:
    """Answers of language models; one to five points by whoever had asked."""
    frame = pd.read_parquet(folder / "ifllm" / "query_logs.parquet")
    sides = [
        pd.DataFrame({"prompt": frame["user_query"], "response": frame[f"llm_response_{i}"], "rating": frame[f"likert_{i}"]})
        for i in (1, 2)
    ]
    return pd.concat(sides, ignore_index=True)


def _ukp(folder: Path) -> pd.DataFrame:
    """Arguments for a side of a debate; the share of the gold-labelled comparisons with others that they win."""
    judged = pd.read_parquet(folder / "ukp" / "judgments.parquet").drop_duplicates(["arg1", "arg2"])
    judged = judged[judged["gold"].isin(["a1", "a2"])]
    first = (judged["gold"] == "a1").to_numpy(dtype=np.float64)
    sides = pd.DataFrame({"id": np.concatenate([judged["arg1"], judged["arg2"]]), "won": np.concatenate([first, 1 - first])})
    won = cast(Any, sides.groupby("id")["won"].mean())
    arguments = pd.read_parquet(folder / "ukp" / "arguments.parquet")
    rating = arguments["id"].map(won)
    rank = rating.groupby(arguments["topic"]).rank(pct=True)
    prompt = arguments["title"] + ". " + arguments["stance"]
    return pd.DataFrame({"prompt": prompt, "response": arguments["text"], "rating": rank, "group": arguments["topic"]})


READERS: dict[str, Callable[[Path], pd.DataFrame]] = {"dialsummeval": _dialsummeval, "ifllm": _ifllm, "ukp": _ukp}
SETS = (*READERS, "synthetic")
