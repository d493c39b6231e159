from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
import torch

from probrm.data.conversation import Conversation
from probrm.encoders import embedding
from probrm.encoders.cache import EmbeddingCache
from probrm.encoders.config import EncoderConfig
from probrm.encoders.embedding import embed
from probrm.encoders.store import read_store, write_store
from probrm.encoders.transformer import TransformerEncoder, load_encoder
from probrm.progress import Progress, silent


class Watched(TransformerEncoder):
    """The real thing, and a record of what it was asked."""

    asked: list[Conversation]

    def encode(self, conversations: Sequence[Conversation], *, progress: Progress = silent) -> torch.Tensor:
        self.asked.extend(conversations)
        return super().encode(conversations, progress=progress)


@pytest.fixture
def encoder(tiny: Callable[[str], Path]) -> Watched:
    loaded = load_encoder(EncoderConfig(name=str(tiny("bert")), layer=1, prompt_layer="last", precision="float32", max_length=64))
    loaded.__class__ = Watched
    assert isinstance(loaded, Watched)
    loaded.asked = []
    return loaded


TEXTS = [Conversation("q", f"answer {number}") for number in range(20)]


@pytest.mark.parametrize("cached", [True, False])
def test_each_distinct_text_is_encoded_once_and_rows_keep_their_order(encoder: Watched, tmp_path: Path, cached: bool) -> None:
    cache = EmbeddingCache(tmp_path) if cached else None
    rows = [TEXTS[3], TEXTS[1], TEXTS[3], TEXTS[0], TEXTS[1]]
    vectors = embed(encoder, rows, cache=cache)
    assert encoder.asked == [TEXTS[3], TEXTS[1], TEXTS[0]]
    torch.testing.assert_close(vectors, torch.cat([encoder.encode([row]) for row in rows]), atol=1e-5, rtol=0)


def test_a_second_call_encodes_only_what_is_new(encoder: Watched, tmp_path: Path) -> None:
    first = embed(encoder, TEXTS[:10], cache=EmbeddingCache(tmp_path))
    assert len(list(tmp_path.rglob("*.safetensors"))) == 1
    encoder.asked.clear()
    again = embed(encoder, list(reversed(TEXTS[:12])), cache=EmbeddingCache(tmp_path))
    assert encoder.asked == [TEXTS[11], TEXTS[10]]
    assert torch.equal(again[2:].flip(0), first)
    encoder.asked.clear()
    embed(encoder, TEXTS[:12], cache=EmbeddingCache(tmp_path))
    assert encoder.asked == []


class Interrupting:
    """A bar that is stopped with Ctrl-C after so many texts."""

    def __init__(self, after: int) -> None:
        self.left = after
        self.tasks: list[tuple[str, int]] = []

    @contextmanager
    def task(self, label: str, total: int) -> Iterator[Callable[..., None]]:
        self.tasks.append((label, total))

        def advance(n: int = 1, **fields: object) -> None:
            self.left -= n
            if self.left < 0:
                raise KeyboardInterrupt

        yield advance


def test_what_was_encoded_before_ctrl_c_is_kept(encoder: Watched, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedding, "CHUNK", 4)
    bar = Interrupting(after=10)
    with pytest.raises(KeyboardInterrupt):
        embed(encoder, TEXTS, cache=EmbeddingCache(tmp_path), progress=bar)
    assert bar.tasks == [("Encoding", 20)]
    encoder.asked.clear()
    vectors = embed(encoder, TEXTS, cache=EmbeddingCache(tmp_path))
    assert encoder.asked == TEXTS[8:]
    torch.testing.assert_close(vectors, embed(encoder, TEXTS), atol=1e-5, rtol=0)


def test_a_full_disk_costs_the_cache_and_not_the_vectors(
    encoder: Watched, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, full_disk: Callable[[], AbstractContextManager[None]]
) -> None:
    monkeypatch.setattr(embedding, "CHUNK", 4)
    monkeypatch.setattr(embedding, "_FLUSH_SECONDS", -1.0)
    cache = EmbeddingCache(tmp_path)
    with full_disk():
        vectors = embed(encoder, TEXTS, cache=cache)
    torch.testing.assert_close(vectors, embed(encoder, TEXTS), atol=1e-5, rtol=0)
    assert len(cache.notes) == 1  # tried once, told once


def test_long_runs_are_written_as_they_go(encoder: Watched, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedding, "CHUNK", 8)
    monkeypatch.setattr(embedding, "_FLUSH_SECONDS", -1.0)
    embed(encoder, TEXTS, cache=EmbeddingCache(tmp_path))
    assert len(list(tmp_path.rglob("*.safetensors"))) == 3


def test_a_store_stands_in_for_an_encoder_and_is_not_cached(encoder: Watched, tmp_path: Path) -> None:
    vectors = embed(encoder, TEXTS)
    write_store(tmp_path / "store.safetensors", TEXTS, vectors, encoder.key)
    found = embed(read_store(tmp_path / "store.safetensors"), [TEXTS[5], TEXTS[2], TEXTS[5]], cache=EmbeddingCache(tmp_path / "cache"))
    assert torch.equal(found, vectors[[5, 2, 5]])
    assert not (tmp_path / "cache").exists()


def test_no_texts_give_no_vectors(encoder: Watched) -> None:
    assert embed(encoder, []).shape == (0, encoder.dim)
