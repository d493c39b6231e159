"""Names for content: which text a vector belongs to, and which model it came from."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from probrm.data.conversation import Conversation

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
    if target.parent.name == "blobs" and len(target.name) == 64 and set(target.name) <= set("0123456789abcdef"):
        return target.name
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def settings_key(files: Mapping[str, str], settings: Mapping[str, object]) -> str:
    """SHA-256 over the hashes of a model's files and over the settings that change its vectors."""
    canonical = json.dumps({"files": dict(files), "settings": dict(settings)}, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()
