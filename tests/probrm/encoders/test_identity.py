from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from probrm.data.conversation import Conversation
from probrm.encoders.identity import HASH_BYTES, content_hash, file_sha256, settings_key


def test_different_conversations_have_different_hashes() -> None:
    conversations = [
        Conversation("ab", "c"),
        Conversation("a", "bc"),
        Conversation('a","b', "c"),
        Conversation("a", 'b","c'),
        Conversation("", "abc"),
        Conversation((("user", "ab"),), "c"),
        Conversation((("system", "ab"),), "c"),
        Conversation((("user", "a"), ("user", "b")), "c"),
        Conversation("\ud800", "c"),
        Conversation("?", "c"),
    ]
    hashes = {content_hash(conversation) for conversation in conversations}
    assert len(hashes) == len(conversations)
    assert {len(digest) for digest in hashes} == {HASH_BYTES}


def test_the_hash_is_the_same_in_every_version() -> None:
    # Caches and stores on users' disks are looked up by it.
    canonical = b'["What is 2+2?","vier \\u00fc"]'
    assert content_hash(Conversation("What is 2+2?", "vier ü")) == hashlib.sha256(canonical).digest()[:16]


def test_file_hash_and_the_hub_caches_own_name_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = tmp_path / "weights"
    plain.write_bytes(b"abc" * 100_000)
    true = hashlib.sha256(b"abc" * 100_000).hexdigest()
    assert file_sha256(plain) == true
    blob = tmp_path / "blobs" / true
    blob.parent.mkdir()
    blob.write_bytes(b"read again")
    link = tmp_path / "model.safetensors"
    link.symlink_to(blob)
    assert file_sha256(link) == hashlib.sha256(b"read again").hexdigest()  # anybody can name a folder blobs
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    assert file_sha256(link) == true  # in the hub's cache it is not read again


def test_the_key_changes_with_each_part() -> None:
    base = settings_key({"w": "1"}, {"pooling": "mean"})
    assert base == settings_key({"w": "1"}, {"pooling": "mean"})
    assert len({base, settings_key({"w": "2"}, {"pooling": "mean"}), settings_key({"w": "1"}, {"pooling": "cls"})}) == 3
