"""Encoders: from a prompt and its response to a vector, and the cache of such vectors on disk.

The import is cheap: torch and transformers are loaded with the first name that needs them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from probrm.encoders.base import Encoder
    from probrm.encoders.cache import EmbeddingCache
    from probrm.encoders.config import EncoderConfig
    from probrm.encoders.embedding import embed
    from probrm.encoders.encoded import Encoded, encode_all
    from probrm.encoders.identity import content_hash
    from probrm.encoders.store import StoredEncoder, read_store, write_store
    from probrm.encoders.transformer import TransformerEncoder, load_encoder

__all__ = [
    "EmbeddingCache",
    "Encoded",
    "Encoder",
    "EncoderConfig",
    "StoredEncoder",
    "TransformerEncoder",
    "content_hash",
    "embed",
    "encode_all",
    "load_encoder",
    "read_store",
    "write_store",
]

_HOMES = {
    "EmbeddingCache": "cache",
    "Encoded": "encoded",
    "Encoder": "base",
    "EncoderConfig": "config",
    "StoredEncoder": "store",
    "TransformerEncoder": "transformer",
    "content_hash": "identity",
    "embed": "embedding",
    "encode_all": "encoded",
    "load_encoder": "transformer",
    "read_store": "store",
    "write_store": "store",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"probrm.encoders.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'probrm.encoders' has no attribute {name!r}")
