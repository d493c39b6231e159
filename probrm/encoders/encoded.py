"""Vectors for a command: from a store where one is named, else from an encoder through the cache."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from probrm.data.conversation import Conversation
from probrm.encoders.base import Encoder, Preparable
from probrm.encoders.cache import EmbeddingCache
from probrm.encoders.config import EncoderConfig
from probrm.encoders.embedding import cached, embed
from probrm.encoders.store import read_store
from probrm.encoders.transformer import load_encoder
from probrm.errors import EncoderError
from probrm.progress import Progress, silent


@dataclass(frozen=True)
class Encoded:
    """Vectors and where they come from.

    Attributes:
        vectors: one a conversation, ``(n, d)``.
        key: of the encoder.
        config: the settings in force, the precision settled; scoring uses the same.
        notes: what a user should be told.
    """

    vectors: Float[Tensor, "n d"]
    key: str
    config: EncoderConfig
    notes: list[str]


def encode_all(
    conversations: Sequence[Conversation],
    config: EncoderConfig,
    *,
    device: str = "cpu",
    embeddings: str | Encoder | None = None,
    expected_key: str | None = None,
    expected_dim: int | None = None,
    progress: Progress = silent,
) -> Encoded:
    """Encodes all conversations.

    Args:
        conversations: n of them.
        config: which encoder.
        device: where it runs.
        embeddings: a store of precomputed vectors, or an encoder of your own, used instead of ``config``.
        expected_key: refuse vectors of any other encoder: those that a run was fitted on.
        expected_dim: their length; with it, vectors that are all in the cache are taken from there, and no encoder is loaded.
        progress: shows the encoding.

    Raises:
        EncoderError: the encoder cannot be loaded, or is not the expected one.
        DataError: the store is damaged or lacks a text.
    """
    cache = EmbeddingCache()
    if embeddings is None and expected_key is not None and expected_dim is not None:
        vectors = cached(expected_key, expected_dim, conversations, cache)
        if vectors is not None:
            return Encoded(vectors, expected_key, config, [*cache.notes])
    encoder = embeddings or load_encoder(config, device=device)
    if isinstance(encoder, str):
        encoder = read_store(encoder)
    if isinstance(encoder, Preparable):
        encoder.prepare(list(dict.fromkeys(conversations)))
    if expected_key is not None and encoder.key != expected_key:  # before the long part, not after it
        raise EncoderError(
            f"the vectors of {embeddings or 'encoder ' + repr(config.name)} are not those that the run was fitted on: the model's files or settings differ",
            fix="use the encoder files of the fit (--embeddings with the store of the fit), or fit again",
        )
    vectors = embed(encoder, conversations, cache=cache, progress=progress)
    settled = getattr(encoder, "config", config)
    return Encoded(vectors, encoder.key, settled, [*getattr(encoder, "notes", []), *cache.notes])
