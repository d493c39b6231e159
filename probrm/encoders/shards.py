"""Files of vectors: the content hash of each text beside its vector, in safetensors, with a checksum."""

from __future__ import annotations

import hashlib
import os
import uuid
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float32, UInt8
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from probrm.encoders.identity import HASH_BYTES

FORMAT = "probrm-embeddings-1"


class DamagedShardError(ValueError):
    """The file is no shard of ours, is cut short, or its content does not match its checksum."""


def write_shard(path: Path, hashes: Sequence[bytes], vectors: Float32[np.ndarray, "n d"], key: str) -> None:
    """Write a shard under its name in one step: a reader sees the whole file or none.

    Raises:
        OSError: no room, no permission; nothing is left behind then.
    """
    table = np.frombuffer(b"".join(hashes), dtype=np.uint8).reshape(len(hashes), HASH_BYTES)
    values = np.ascontiguousarray(vectors, dtype=np.float32)
    metadata = {"format": FORMAT, "key": key, "sha256": _checksum(table, values)}
    content = save({"hash": table, "vector": values}, metadata=metadata)
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
    try:
        temporary.write_bytes(content)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def read_shard(path: Path) -> tuple[UInt8[np.ndarray, "n 16"], Float32[np.ndarray, "n d"], str]:
    """Content hashes, vectors and encoder key of a shard.

    Raises:
        DamagedShardError: the content is not what was written.
        OSError: the file cannot be opened.
    """
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            if metadata.get("format") != FORMAT:
                raise DamagedShardError(f"{path} is not a file of vectors written by probrm")
            table, vectors = file.get_tensor("hash"), file.get_tensor("vector")
    except SafetensorError as error:
        raise DamagedShardError(f"{path} is damaged: {error}") from None
    if _checksum(table, vectors) != metadata.get("sha256"):
        raise DamagedShardError(f"{path} is damaged: its content does not match its checksum")
    return table, vectors, metadata["key"]


def _checksum(table: np.ndarray, vectors: np.ndarray) -> str:
    digest = hashlib.sha256(repr((table.shape, vectors.shape)).encode())
    digest.update(table.data)
    digest.update(vectors.data)
    return digest.hexdigest()
