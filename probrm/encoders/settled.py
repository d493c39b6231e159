"""What an encoder's open settings were settled to, remembered beside the cached vectors: with all of these there, no model is loaded."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from probrm.disk import put_file
from probrm.encoders.config import EncoderConfig
from probrm.encoders.identity import vectors_key

_FORMAT = "probrm-settled-1"
_PACKAGES = ("torch", "transformers", "tokenizers")
"""Another version may settle a precision or a limit in another way."""


@dataclass(frozen=True)
class Settled:
    """An encoder without its model.

    Attributes:
        config: nothing in it is open.
        dim: length of a vector.
        notes: on the model.
        layers: how layers were chosen, if they were; see ``LayerChoice``.
    """

    config: EncoderConfig
    dim: int
    notes: list[str]
    layers: list[dict[str, Any]]


def question(files: Mapping[str, str], config: EncoderConfig, *, device: str, observed: str | None) -> str:
    """SHA-256 over all that the answer depends on.

    Args:
        files: SHA-256 of the model's files, by name.
        config: perhaps with open settings.
        device: what it is and which floating-point type it computes fastest in.
        observed: digest of what a layer is chosen by; None where none is.
    """
    asked = {
        "format": _FORMAT,
        "vectors": vectors_key(files, config),
        "name": config.name,  # notes have it
        "device": device,
        "versions": {name: version(name) for name in _PACKAGES},
        "observed": observed,
    }
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()


def remember(folder: Path, asked: str, found: Settled) -> None:
    """Write the answer in one step; a disk that does not take it costs only the memory."""
    content = {"config": asdict(found.config), "dim": found.dim, "notes": found.notes, "layers": found.layers}
    path = _path(folder, asked)
    with suppress(OSError):
        put_file(path, json.dumps({"sha256": _checksum(content), **content}).encode(), durable=False)


def recall(folder: Path, asked: str, config: EncoderConfig) -> Settled | None:
    """The answer, where it was given before and its file is whole. ``config`` says what does not change vectors."""
    try:
        content = json.loads(_path(folder, asked).read_text(encoding="utf-8"))
        if content.pop("sha256") != _checksum(content):
            return None
        settled = replace(EncoderConfig(**content.pop("config")), batch_tokens=config.batch_tokens)
        return Settled(settled, **content)
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


def _path(folder: Path, asked: str) -> Path:
    return folder / "settled" / f"{asked[:32]}.json"


def _checksum(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
