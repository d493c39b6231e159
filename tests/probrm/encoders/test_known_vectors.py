"""Vectors that were made before come from the cache alone."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from probrm.data import Conversation
from probrm.encoders import EncoderConfig, encode_all
from probrm.encoders.cache import EmbeddingCache
from probrm.encoders.embedding import cached, embed
from probrm.errors import EncoderError

TEXTS = [Conversation("a", "b"), Conversation("a", "c"), Conversation("a", "b")]


class Lengths:
    """Its vectors are the lengths of prompt and response."""

    key, dim = "lengths", 2

    def encode(self, conversations: list[Conversation], **_: object) -> torch.Tensor:
        return torch.tensor([[len(str(c.prompt)), len(c.response)] for c in conversations], dtype=torch.float32)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> EmbeddingCache:
    monkeypatch.setenv("PROBRM_CACHE", str(tmp_path))
    found = EmbeddingCache()
    embed(Lengths(), TEXTS, cache=found)  # type: ignore[arg-type]
    return found


def test_all_or_nothing(cache: EmbeddingCache) -> None:
    found = cached("lengths", 2, TEXTS, cache)
    assert found is not None
    assert torch.equal(found, Lengths().encode(TEXTS))
    assert cached("lengths", 2, [*TEXTS, Conversation("a", "new")], cache) is None
    assert cached("another", 2, TEXTS, cache) is None


def test_no_encoder_is_loaded_for_them(cache: EmbeddingCache) -> None:
    """An encoder that cannot be loaded is missed only for a text that is new."""
    nowhere = EncoderConfig(name="./no-such-folder")
    known = encode_all(TEXTS, nowhere, expected_key="lengths", expected_dim=2)
    assert (known.key, known.config, known.notes) == ("lengths", nowhere, [])
    assert known.vectors.shape == (3, 2)
    with pytest.raises(EncoderError, match="no such folder"):
        encode_all([Conversation("a", "new")], nowhere, expected_key="lengths", expected_dim=2)
    with pytest.raises(EncoderError, match="no such folder"):
        encode_all(TEXTS, nowhere)
