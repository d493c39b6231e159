"""Vectors of many conversations: each distinct one encoded once, at most once in the life of a cache."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from probrm.data.conversation import Conversation
from probrm.encoders.base import Encoder, Preparable
from probrm.encoders.cache import EmbeddingCache
from probrm.encoders.identity import content_hash
from probrm.encoders.store import StoredEncoder
from probrm.progress import Advance, Progress, silent

CHUNK = 2048
"""Texts that are lost at most when encoding is interrupted; sorting by length works within a chunk."""
_FLUSH_SECONDS = 60.0


def embed(
    encoder: Encoder,
    conversations: Sequence[Conversation],
    *,
    cache: EmbeddingCache | None = None,
    progress: Progress = silent,
) -> Float[Tensor, "n d"]:
    """One vector for each conversation, in their order, float32 on the CPU.

    Args:
        encoder: makes the vectors that the cache does not hold.
        conversations: equal ones are encoded once.
        cache: where vectors are looked up and kept; what was encoded in complete chunks is kept after Ctrl-C too.
        progress: shows the texts that have to be encoded.

    Raises:
        EncoderError, DataError: from the encoder.
    """
    places = {conversation: at for at, conversation in enumerate(dict.fromkeys(conversations))}
    distinct = list(places)
    if not distinct:
        return torch.empty(0, encoder.dim)
    if isinstance(encoder, Preparable):
        encoder.prepare(distinct)
    if isinstance(encoder, StoredEncoder):
        cache = None  # its vectors are in a file already
    vectors = encoder.encode(distinct, progress=progress) if cache is None else _through_cache(encoder, distinct, cache, progress)
    if len(distinct) == len(conversations):
        return vectors
    return vectors[torch.tensor([places[conversation] for conversation in conversations])]


def cached(key: str, dim: int, conversations: Sequence[Conversation], cache: EmbeddingCache) -> Float[Tensor, "n d"] | None:
    """Vectors that the encoder called ``key`` has made before, without loading it; None unless there is one for each conversation."""
    places = {conversation: at for at, conversation in enumerate(dict.fromkeys(conversations))}
    vectors, found = cache.lookup(key, [content_hash(conversation) for conversation in places], dim)
    if not found.all():
        return None
    return torch.from_numpy(vectors)[torch.tensor([places[conversation] for conversation in conversations], dtype=torch.long)]


def _through_cache(encoder: Encoder, distinct: list[Conversation], cache: EmbeddingCache, progress: Progress) -> Tensor:
    key = encoder.key
    hashes = [content_hash(conversation) for conversation in distinct]
    vectors, found = cache.lookup(key, hashes, encoder.dim)
    missing = np.flatnonzero(~found)
    if len(missing) == 0:
        return torch.from_numpy(vectors)
    pending = _Pending(cache, key, hashes, vectors)
    with progress.task("Encoding", len(missing)) as advance:
        try:
            for start in range(0, len(missing), CHUNK):
                rows = missing[start : start + CHUNK]
                vectors[rows] = encoder.encode([distinct[row] for row in rows], progress=_Within(advance)).numpy()
                pending.add(rows)
        finally:  # Ctrl-C and errors too: what is complete is worth keeping
            pending.flush()
    return torch.from_numpy(vectors)


class _Pending:
    """Rows encoded and not yet in the cache; written at the end, and every minute of a long run."""

    def __init__(self, cache: EmbeddingCache, key: str, hashes: list[bytes], vectors: np.ndarray) -> None:
        self._cache, self._key, self._hashes, self._vectors = cache, key, hashes, vectors
        self._rows: list[int] = []
        self._since = time.monotonic()
        self._works = True

    def add(self, rows: np.ndarray) -> None:
        self._rows.extend(rows.tolist())
        if time.monotonic() - self._since > _FLUSH_SECONDS:
            self.flush()

    def flush(self) -> None:
        if self._rows and self._works:
            self._works = self._cache.add(self._key, [self._hashes[row] for row in self._rows], self._vectors[self._rows])
        self._rows = []
        self._since = time.monotonic()


class _Within:
    """Passes an encoder's progress on to a bar that is already drawn."""

    def __init__(self, advance: Advance) -> None:
        self._advance = advance

    @contextmanager
    def task(self, label: str, total: int) -> Iterator[Advance]:
        yield self._advance
