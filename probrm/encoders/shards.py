"""Files of vectors: the content hash of each text beside its vector, in safetensors, with a checksum."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32, UInt8
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from probrm.disk import put_file
from probrm.encoders.identity import HASH_BYTES

FORMAT = "probrm-embeddings-1"


class DamagedShardError(ValueError):
    """The file is no shard of ours, is cut short, or its content does not match its checksum."""


def write_shard(
    path: Path,
    hashes: Sequence[bytes],
    vectors: Float32[np.ndarray, "n d"],
    key: str,
    *,
    overwrite: bool = True,
    durable: bool = False,
) -> None:
    """Write a shard under its name in one step: a reader sees the whole file or none.

    Raises:
        TakenError: ``overwrite`` is off and the name is taken; the shard is kept under another name.
        OSError: no room, no permission; nothing is left behind then.
    """
    table = np.frombuffer(b"".join(hashes), dtype=np.uint8).reshape(len(hashes), HASH_BYTES)
    values = np.ascontiguousarray(vectors, dtype=np.float32)
    metadata = {"format": FORMAT, "key": key, "sha256": _checksum(table, values)}
    content = save({"hash": table, "vector": values}, metadata=metadata)
    put_file(path, content, overwrite=overwrite, durable=durable)


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
            _check_form(path, file)
            table, vectors = file.get_tensor("hash"), file.get_tensor("vector")
    except SafetensorError as error:
        raise DamagedShardError(f"{path} is damaged: {error}") from None
    if _checksum(table, vectors) != metadata.get("sha256"):
        raise DamagedShardError(f"{path} is damaged: its content does not match its checksum")
    return table, vectors, metadata["key"]


def _check_form(path: Path, file: Any) -> None:
    """One hash and one vector a text, as bytes and as float32, before either is read.

    Raises:
        DamagedShardError: says what was found.
    """
    if "key" not in (file.metadata() or {}):
        raise DamagedShardError(f"{path} is damaged: it does not say which encoder made its vectors (no 'key' in its metadata)")
    held = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118  no mapping
    if missing := [name for name in ("hash", "vector") if name not in held]:
        raise DamagedShardError(f"{path} is damaged: it holds no tensor '{missing[0]}'")
    forms = {name: (held[name].get_dtype(), list(held[name].get_shape())) for name in ("hash", "vector")}
    for name, dtype, allowed in (("hash", "U8", f"n × {HASH_BYTES} of U8"), ("vector", "F32", "n × d of F32")):
        found, shape = forms[name]
        if found != dtype or len(shape) != 2 or not all(shape) or (name == "hash" and shape[1] != HASH_BYTES):
            raise DamagedShardError(
                f"{path} is damaged: its tensor '{name}' is {' × '.join(map(str, shape)) or 'one number'} of {found}; allowed: {allowed}"
            )
    if forms["hash"][1][0] != forms["vector"][1][0]:
        raise DamagedShardError(
            f"{path} is damaged: {forms['hash'][1][0]} hashes of texts and {forms['vector'][1][0]} vectors; allowed: one vector for each"
        )


def _checksum(table: np.ndarray, vectors: np.ndarray) -> str:
    digest = hashlib.sha256(repr((table.shape, vectors.shape)).encode())
    digest.update(table.data)
    digest.update(vectors.data)
    return digest.hexdigest()
