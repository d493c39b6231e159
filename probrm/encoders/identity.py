"""Names for content: which text a vector belongs to, and which model it came from."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path

from probrm.data.conversation import Conversation
from probrm.encoders.config import EncoderConfig
from probrm.encoders.layout import RENDERING_VERSION

HASH_BYTES = 16


def content_hash(conversation: Conversation) -> bytes:
    """The first 16 bytes of the SHA-256 of a conversation's canonical JSON; equal for equal prompt and response."""
    prompt = conversation.prompt
    canonical = json.dumps(
        [prompt if isinstance(prompt, str) else [list(message) for message in prompt], conversation.response],
        ensure_ascii=True,  # lone surrogates, which UTF-8 refuses, become escapes
        separators=(",", ":"),
    )
    return hashlib.sha256(canonical.encode("ascii")).digest()[:HASH_BYTES]


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's content, streamed.

    The hub's cache names large files by exactly this hash, so a multi-gigabyte checkpoint there is not read again.
    """
    target = path.resolve()
    if target.parent.name == "blobs" and _in_hub_cache(target) and len(target.name) == 64 and set(target.name) <= set("0123456789abcdef"):
        return target.name
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _in_hub_cache(target: Path) -> bool:
    """Anybody's folder may have a file so named, and a key made of a wrong hash would fetch another model's vectors."""
    from huggingface_hub import constants

    return target.is_relative_to(os.path.realpath(constants.HF_HUB_CACHE))


def settings_key(files: Mapping[str, str], settings: Mapping[str, object]) -> str:
    """SHA-256 over the hashes of a model's files and over the settings that change its vectors."""
    canonical = json.dumps({"files": dict(files), "settings": dict(settings)}, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def vectors_key(files: Mapping[str, str], config: EncoderConfig) -> str:
    """The key of the vectors that a model makes under these settings."""
    layers = {"layer": config.layer, "prompt_layer": config.prompt_layer}
    settings = {
        "pooling": config.pooling,
        "max_length": config.max_length,
        "normalize": config.normalize,
        "text": config.text,
        "precision": config.precision,
        "rendering": RENDERING_VERSION,
        # Left out where they are what they were before there was a choice: the vectors of then are those of now.
        **{name: layer for name, layer in layers.items() if layer != "last"},
        **({"compile": True} if config.compile else {}),
    }
    return settings_key(files, settings)
