"""Vectors in a file of their own: computed once, perhaps elsewhere, and used in place of an encoder."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor

from probrm.data.conversation import Conversation
from probrm.disk import telling
from probrm.encoders.identity import content_hash
from probrm.encoders.shards import DamagedShardError, read_shard, write_shard
from probrm.errors import DataError
from probrm.progress import Progress, silent


def write_store(
    path: str | os.PathLike[str],
    conversations: Sequence[Conversation],
    vectors: Float[Tensor, "n d"] | Float32[np.ndarray, "n d"],
    encoder_key: str,
    *,
    overwrite: bool = True,
) -> None:
    """Write the vectors of conversations to one safetensors file, in one step; equal conversations once.

    Raises:
        DataError: not one finite vector for each conversation, the file cannot be written, or, without ``overwrite``, its name is taken:
            the store is kept under another name then, which the message gives.
    """
    target = Path(path)
    values = vectors.detach().cpu().float().numpy() if isinstance(vectors, Tensor) else np.asarray(vectors, dtype=np.float32)
    if values.ndim != 2 or len(values) != len(conversations) or not len(values):
        raise DataError(
            f"{len(conversations)} texts and vectors of shape {values.shape} do not make a store",
            fix="pass one vector for each text, and at least one",
        )
    if not np.isfinite(values).all():
        raise DataError(
            f"vector {int(np.flatnonzero(~np.isfinite(values).all(1))[0]) + 1} is not finite", fix="remove or encode that text again"
        )
    first: dict[bytes, int] = {}
    for row, conversation in enumerate(conversations):
        first.setdefault(content_hash(conversation), row)
    with telling(target, DataError):
        write_shard(target, list(first), values[list(first.values())], encoder_key, overwrite=overwrite, durable=True)


def read_store(path: str | os.PathLike[str]) -> StoredEncoder:
    """Open a file written by ``write_store`` (on the command line ``probrm embed``).

    Raises:
        DataError: the file is missing, damaged, or something else.
    """
    source = Path(path)
    if not os.path.isfile(source):  # it says no to names too long, where pathlib raises
        raise DataError(f"{source}: no such file of embeddings", fix="make it: probrm embed --data FILE --encoder ID --out STORE")
    try:
        table, vectors, key = read_shard(source)
    except (DamagedShardError, OSError) as error:
        raise DataError(str(error), fix="make it again: probrm embed --data FILE --encoder ID --out STORE") from None
    if not np.isfinite(vectors).all():
        row = int(np.flatnonzero(~np.isfinite(vectors).all(1))[0])
        raise DataError(
            f"{source}: vector {row + 1} is not finite", fix="make the store again: probrm embed --data FILE --encoder ID --out STORE"
        )
    return StoredEncoder({row.tobytes(): at for at, row in enumerate(table)}, vectors, key, str(source))


class StoredEncoder:
    """Looks vectors up by content; fulfils :class:`probrm.encoders.Encoder`.

    Attributes:
        key: of the encoder that made the vectors.
        dim: length of a vector.
    """

    def __init__(self, places: dict[bytes, int], vectors: Float32[np.ndarray, "n d"], key: str, source: str) -> None:
        self._places = places
        self._vectors = vectors
        self._source = source
        self.key = key
        self.dim = int(vectors.shape[1])

    def encode(self, conversations: Sequence[Conversation], *, progress: Progress = silent) -> Float[Tensor, "n d"]:
        """One vector for each conversation, in their order, float32 on the CPU.

        Raises:
            DataError: a conversation that the file does not hold; says how many, and the first.
        """
        with progress.task("Looking up embeddings", len(conversations)) as advance:
            rows = [self._places.get(content_hash(conversation), -1) for conversation in conversations]
            advance(len(rows))
        absent = [at for at, row in enumerate(rows) if row < 0]
        if absent:
            first = conversations[absent[0]]
            raise DataError(
                f"{self._source}: holds no vector for {len(absent)} of {len(rows)} texts; "
                f"the first is number {absent[0] + 1}: prompt {_short(first.prompt_text)}, response {_short(first.response)}",
                fix="make the store from the same file: probrm embed --data FILE --encoder ID --out STORE"
                + (", with --prompts" if not (first.response and first.prompt_text) else ""),
            )
        return torch.from_numpy(self._vectors[rows]) if rows else torch.empty(0, self.dim)


def _short(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:39] + "…")
