"""Encoders: from a prompt and its response to a vector, and the cache of such vectors on disk.

The import is cheap: torch and transformers are loaded with the first name that needs them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from probrm.lazy import lazy

if TYPE_CHECKING:
    from probrm.encoders.base import Encoder
    from probrm.encoders.cache import EmbeddingCache
    from probrm.encoders.config import EncoderConfig
    from probrm.encoders.embedding import embed
    from probrm.encoders.encoded import Encoded, encode_all
    from probrm.encoders.identity import content_hash
    from probrm.encoders.observed import Observed
    from probrm.encoders.store import StoredEncoder, read_store, write_store
    from probrm.encoders.transformer import TransformerEncoder, load_encoder

__all__ = [
    "EmbeddingCache",
    "Encoded",
    "Encoder",
    "EncoderConfig",
    "Observed",
    "StoredEncoder",
    "TransformerEncoder",
    "content_hash",
    "embed",
    "encode_all",
    "load_encoder",
    "read_store",
    "write_store",
]

__getattr__ = lazy(
    __name__,
    base="Encoder",
    cache="EmbeddingCache",
    config="EncoderConfig",
    embedding="embed",
    encoded="Encoded encode_all",
    identity="content_hash",
    observed="Observed",
    store="StoredEncoder read_store write_store",
    transformer="TransformerEncoder load_encoder",
)
