"""The encoder: tokens a second against what the device can multiply, and against sentence-transformers."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch

from benchmarks.gpu.folders import minilm, qwen
from benchmarks.gpu.measuring import alternating, ceiling, seconds
from benchmarks.gpu.parts import Settings, Sheet
from probrm.data.conversation import Conversation
from probrm.encoders import EncoderConfig, load_encoder
from probrm.encoders.rendering import Rendered

SHARE, RATIO = 0.5, 1.2
"""Aims."""


def measure(settings: Settings, sheet: Sheet) -> None:
    """Both models, with random weights and random texts."""
    with tempfile.TemporaryDirectory(prefix="probrm-encoders-") as folder:
        _large(settings, sheet, Path(folder) / "qwen")
        _small(settings, sheet, Path(folder) / "minilm")


def _large(settings: Settings, sheet: Sheet, folder: Path) -> None:
    """Token ids to vectors: the forward pass alone, which is what the ceiling speaks of."""
    device, tiny = settings.device, settings.tiny
    length, count = (24, 8) if tiny else (512, 512)
    top = ceiling(device, 128 if tiny else 8192)
    sheet.row("bfloat16 matrix product, the device's ceiling", top / 1e12, "TFLOP/s")
    config = qwen(folder, tiny=tiny, device=device)
    draw = random.Random(0)
    sequences = [[draw.randrange(5, config.vocab_size) for _ in range(length)] for _ in range(count)]
    texts = [Conversation("", " ".join(f"w{token}" for token in sequence)) for sequence in sequences]
    work = operations(config, length)
    best = 0.0
    budgets = (64, 128) if tiny else (4096, 32768)
    for budget, compiled in ((budgets[0], False), (budgets[1], False), (budgets[1], True)):
        # "response": the texts alone, without a prompt around them.
        how = {
            "pooling": "mean",
            "layer": "last",
            "prompt_layer": "last",
            "max_length": length,
            "precision": "bfloat16",
            "batch_tokens": budget,
            "text": "response",
            "compile": compiled,
        }
        encoder = load_encoder(EncoderConfig(name=str(folder), **how), device=device)
        title = f"Qwen3-0.6B, {budget:,} tokens a pass{', compiled' if compiled else ''}"
        sheet.row(f"{title}: first texts", seconds(partial(encoder.encode, texts[:8]), device), "s")
        rate = count * length / _forward_seconds(encoder, sequences, texts, device)
        sheet.row(f"{title}: forward pass", rate, "tokens/s")
        sheet.row(f"{title}: share of the ceiling", rate * work / top)
        best = max(best, rate * work / top)
        whole = count * length / seconds(partial(encoder.encode, texts), device)
        sheet.row(f"{title}: from texts, tokenising included", whole, "tokens/s")
        del encoder
    sheet.row("Qwen3-0.6B: best share of the ceiling", best, least=SHARE)
    sheet.note(f"{work / 1e6:.3g} million operations a token: twice the blocks' parameters, and causal attention over {length} tokens")


def _forward_seconds(encoder: Any, sequences: list[list[int]], texts: list[Conversation], device: str) -> float:
    """From token ids; from texts where the encoder does not show that step."""
    forward = getattr(encoder, "_forward", None)
    rendered = [Rendered(sequence, b"\x02" * len(sequence)) for sequence in sequences]
    work = partial(encoder.encode, texts) if forward is None else partial(forward, rendered)
    work()
    return min(seconds(work, device) for _ in range(2))


def operations(config: Any, length: int) -> float:
    """Floating-point operations a token: 2 for each parameter of the blocks, and attention over half of ``length`` tokens on average."""
    queries, keys = config.num_attention_heads * config.head_dim, config.num_key_value_heads * config.head_dim
    block = config.hidden_size * (2 * queries + 2 * keys + 3 * config.intermediate_size)
    return config.num_hidden_layers * (2.0 * block + 4 * queries * length / 2)


def _small(settings: Settings, sheet: Sheet, folder: Path) -> None:
    """Texts to vectors, tokenising included, at equal precision and lengths."""
    device, tiny = settings.device, settings.tiny
    minilm(folder, tiny=tiny)
    draw = random.Random(0)
    count = 16 if tiny else 4096
    lengths = [min(250, int(draw.lognormvariate(4.3, 0.8)) + 1) // (10 if tiny else 1) + 1 for _ in range(count)]
    texts = [" ".join(f"w{draw.randrange(5, 1000)}" for _ in range(length)) for length in lengths]
    precision = "bfloat16" if device.startswith("cuda") else "float32"
    how = {"pooling": "mean", "layer": "last", "prompt_layer": "last", "max_length": 256, "text": "response"}
    config = EncoderConfig(name=str(folder), **how, precision=precision, batch_tokens=512 if tiny else 32768)
    encoder = load_encoder(config, device=device)
    conversations = [Conversation("", text) for text in texts]
    work: dict[str, Callable[[], object]] = {"probrm": lambda: encoder.encode(conversations)}
    try:
        peer = _peer(folder, device, precision)
    except ImportError as error:
        sheet.note(f"sentence-transformers cannot be used here, and MiniLM is compared with nothing: {error}")
    else:
        for size in (32, 256):
            work[f"sentence-transformers, batches of {size}"] = lambda size=size: peer.encode(
                texts, batch_size=size, show_progress_bar=False
            )
    found = alternating(work, device, budget=0.5 if tiny else 30.0, rounds=3)
    tokens = sum(lengths)
    for name, each in found.items():
        sheet.row(f"MiniLM in {precision}: {name}", tokens / each, "tokens/s")
    others = [each for name, each in found.items() if name != "probrm"]
    if others:
        sheet.row("MiniLM: times as fast as sentence-transformers at its best", min(others) / found["probrm"], least=RATIO)


def _peer(folder: Path, device: str, precision: str) -> Any:
    import logging
    import warnings

    logging.getLogger("sentence_transformers").setLevel(logging.ERROR)  # it says that it makes a pooling layer of its own
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from sentence_transformers import SentenceTransformer

        peer = SentenceTransformer(str(folder), device=device, model_kwargs={"dtype": getattr(torch, precision)})
    peer.max_seq_length = 256
    return peer
