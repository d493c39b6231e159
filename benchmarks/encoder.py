"""Texts per second of the default encoder against sentence-transformers at its defaults, in one process on the CPU.

    python benchmarks/encoder.py [--texts 256] [--rounds 3]

Ours twice: as a fit uses it (layer 4, mean over the response), and with the last layer and the mean over all tokens, which gives the
peer's vectors. The texts are the responses of RealHumanEval's chat log where PROBRM_DATA names a folder that holds it, else generated ones of
mixed lengths. Both encode single texts (no prompts) cut at 256 tokens; ours through ``embed`` with an empty cache on disk, so
tokenising, hashing and writing are included, loading is not. The order alternates from round to round; medians and their ratio
are printed, and how far our vectors are from float32 and from the peer's.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch: spinning threads distort whatever runs beside them
os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")

import torch

from probrm.data.conversation import Conversation
from probrm.encoders import EmbeddingCache, EncoderConfig, TransformerEncoder, embed, load_encoder
from probrm.encoders.resolving import resolve

SAME = "probrm, last layer"


def texts(count: int) -> tuple[list[str], str]:
    log = Path(os.environ.get("PROBRM_DATA", "")) / "realhumaneval" / "logs.parquet"
    rng = random.Random(0)
    if os.environ.get("PROBRM_DATA") and log.is_file():
        import pyarrow.parquet as pq

        responses = sorted({text for text in pq.read_table(log, columns=["response"])["response"].to_pylist() if text})
        return rng.sample(responses, min(count, len(responses))), "RealHumanEval's responses"
    words = ["the", "model", "answers", "question", "reward", "copies", "code", "returns", "list", "number", "when", "however", "because"]
    return [" ".join(rng.choices(words, k=int(rng.lognormvariate(4.3, 0.8)) + 1)) for _ in range(count)], "generated texts"


def timed(work: Callable[[], torch.Tensor]) -> tuple[float, torch.Tensor]:
    start = time.perf_counter()
    vectors = work()
    return time.perf_counter() - start, vectors


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--texts", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    chosen, source = texts(arguments.texts)
    conversations = [Conversation("", text) for text in chosen]

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from sentence_transformers import SentenceTransformer

        peer = SentenceTransformer(str(resolve("default").path), device="cpu")
    same = EncoderConfig(text="response", pooling="mean", layer="last")
    encoders = {"probrm": EncoderConfig(text="response"), SAME: same}
    ours = {name: load_encoder(config) for name, config in encoders.items()}

    def encoded(encoder: TransformerEncoder) -> torch.Tensor:
        with tempfile.TemporaryDirectory() as folder:
            return embed(encoder, conversations, cache=EmbeddingCache(folder))

    def theirs() -> torch.Tensor:
        return torch.from_numpy(peer.encode(chosen, show_progress_bar=False))

    contestants: dict[str, Callable[[], torch.Tensor]] = {name: partial(encoded, encoder) for name, encoder in ours.items()}
    contestants["sentence-transformers"] = theirs
    for work in contestants.values():
        work()  # warm
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    vectors: dict[str, torch.Tensor] = {}
    for turn in range(arguments.rounds):
        for name in list(contestants)[:: 1 if turn % 2 == 0 else -1]:
            elapsed, vectors[name] = timed(contestants[name])
            seconds[name].append(elapsed)

    tokens = peer.tokenizer(chosen, truncation=True, max_length=256, padding=False)["input_ids"]
    print(f"{len(chosen)} of {source}, {statistics.mean(map(len, tokens)):.0f} tokens on average, {torch.get_num_threads()} threads")
    for name, measured in seconds.items():
        spread = f"{len(chosen) / max(measured):.1f} to {len(chosen) / min(measured):.1f}"
        print(f"{name:>22}: {len(chosen) / statistics.median(measured):6.1f} texts/s (median of {arguments.rounds}; {spread})")
    for name in ours:
        ratio = statistics.median(seconds["sentence-transformers"]) / statistics.median(seconds[name])
        print(f"{'ratio':>22}: {ratio:.2f} ({name})")
    exact = load_encoder(replace(same, precision="float32")).encode(conversations)
    print(f"cosine of ours ({ours[SAME].config.precision}) to our float32: at least {(vectors[SAME] * exact).sum(1).min():.5f}")
    print(f"largest difference of our float32 to sentence-transformers': {(exact - vectors['sentence-transformers']).abs().max():.1e}")


if __name__ == "__main__":
    main()
