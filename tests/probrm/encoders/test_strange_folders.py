"""An encoder's folder may come from anybody: what it asks for beyond a model of its own weights is refused in words, and in seconds."""

from __future__ import annotations

import json
import os
import shutil
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from probrm.data.conversation import Conversation
from probrm.encoders import EncoderConfig, load_encoder
from probrm.encoders.resolving import resolve
from probrm.errors import EncoderError

DEEP = "[" * 100_000
TEXTS = [Conversation("What is 2 + 2?", "4"), Conversation("Hi", "Hello")]


@pytest.fixture
def copied(tiny: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A tiny BERT's folder, on a machine that may not open a connection."""

    def offline(*_: object, **__: object) -> None:
        raise AssertionError("a folder made probrm open a connection")

    monkeypatch.setattr(socket.socket, "connect", offline)
    return shutil.copytree(tiny("bert"), tmp_path / "model")


def edit(file: Path, **settings: Any) -> None:
    file.write_text(json.dumps({**json.loads(file.read_text()), **settings}))


def config(**settings: Any) -> Callable[[Path], object]:
    return lambda folder: edit(folder / "config.json", **settings)


def tokenizer(**settings: Any) -> Callable[[Path], object]:
    return lambda folder: edit(folder / "tokenizer_config.json", **settings)


def index(content: str) -> Callable[[Path], object]:
    def apply(folder: Path) -> None:
        (folder / "model.safetensors").rename(folder / "part.safetensors")
        (folder / "model.safetensors.index.json").write_text(content)

    return apply


def pooling(content: str) -> Callable[[Path], object]:
    def apply(folder: Path) -> None:
        (folder / "1_Pooling").mkdir()
        (folder / "1_Pooling" / "config.json").write_text(content)

    return apply


def pipe(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    os.mkfifo(folder / "model.safetensors")


CASES: dict[str, Callable[[Path], object]] = {
    "a million layers": config(num_hidden_layers=1_000_000),
    "a trillion layers": config(num_hidden_layers=10**12),
    "-1 layers": config(num_hidden_layers=-1),
    "layers in words": config(num_hidden_layers="many"),
    "a vocabulary of 10^9": config(vocab_size=10**9),
    "blocks of 10^8": config(intermediate_size=10**8),
    "positions up to 10^10": config(max_position_embeddings=10**10),
    "weights above the folder": config(transformers_weights="../model.safetensors"),
    "weights elsewhere": config(transformers_weights="/etc/model.safetensors"),
    "weights that run code": config(transformers_weights="pytorch_model.bin"),
    "weights that are not there": config(transformers_weights="other.safetensors"),
    "weights named by a number": config(transformers_weights=5),
    "weights as a pipe": pipe,
    "weights that are none": lambda folder: (folder / "model.safetensors").write_bytes(b"\xff" * 64),
    "an adapter": lambda folder: (folder / "adapter_config.json").write_text('{"base_model_name_or_path": "owner/name"}'),
    "a deep config": lambda folder: (folder / "config.json").write_text(DEEP),
    "a list for a config": lambda folder: (folder / "config.json").write_text("[]"),
    "an index of numbers": index('{"weight_map": {"a": 1}}'),
    "an index of paths": index('{"weight_map": {"a": "../x.safetensors"}}'),
    "a deep index": index(DEEP),
    "a list for an index": index("[]"),
    "an index of nothing": index('{"weight_map": {}}'),
    "a deep pooling": pooling(DEEP),
    "a pooling that is cut": pooling('{"a"'),
    "a limit in words": tokenizer(model_max_length="x"),
    "a limit that is true": tokenizer(model_max_length=True),
    "a limit in a list": tokenizer(model_max_length=[128]),
    "a deep tokenizer": lambda folder: (folder / "tokenizer.json").write_text(DEEP),
}


@pytest.mark.parametrize("name", CASES)
def test_a_message_in_bounded_time(name: str, copied: Path) -> None:
    CASES[name](copied)
    begun = time.monotonic()
    with pytest.raises(EncoderError) as caught:
        load_encoder(EncoderConfig(str(copied), layer="last", prompt_layer="last"))
    assert time.monotonic() - begun < 10
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize("named", ["owner/kernel", "kernels-community/flash-attn", "flash_attention_2", {"": "owner/kernel"}])
def test_attention_is_computed_by_transformers_own_code(named: Any, copied: Path) -> None:
    expected = load_encoder(EncoderConfig(str(copied), layer="last", prompt_layer="last")).encode(TEXTS)
    edit(copied / "config.json", attn_implementation=named, _attn_implementation=named)
    assert torch.equal(load_encoder(EncoderConfig(str(copied), layer="last", prompt_layer="last")).encode(TEXTS), expected)


def test_the_key_covers_weights_that_the_config_names(copied: Path) -> None:
    weights = load_file(copied / "model.safetensors")
    edit(copied / "config.json", transformers_weights="other.safetensors")
    keys, vectors = [], []
    for shift in (0.0, 0.5):
        save_file({name: value + shift for name, value in weights.items()}, copied / "other.safetensors", {"format": "pt"})
        assert "other.safetensors" in resolve(str(copied)).files
        encoder = load_encoder(EncoderConfig(str(copied), layer="last", prompt_layer="last", precision="float32"))
        keys.append(encoder.key)
        vectors.append(encoder.encode(TEXTS))
    assert not torch.allclose(*vectors)
    assert keys[0] != keys[1]
