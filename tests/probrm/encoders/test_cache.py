from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
import pytest

from probrm.encoders.cache import EmbeddingCache, default_folder

KEY, OTHER = "a" * 64, "b" * 64


def hashes(*numbers: int) -> list[bytes]:
    return [number.to_bytes(16, "big") for number in numbers]


def vectors(*numbers: int) -> np.ndarray:
    return np.array([[number, -number] for number in numbers], dtype=np.float32)


def test_vectors_are_found_by_content_over_several_files(tmp_path: Path) -> None:
    cache = EmbeddingCache(tmp_path)
    assert cache.add(KEY, hashes(1, 2), vectors(1, 2))
    assert cache.add(KEY, hashes(3), vectors(3))
    values, found = EmbeddingCache(tmp_path).lookup(KEY, hashes(3, 9, 1), dim=2)
    np.testing.assert_array_equal(found, [True, False, True])
    np.testing.assert_array_equal(values[found], vectors(3, 1))
    assert cache.notes == []


def test_another_encoders_vectors_are_not_found(tmp_path: Path) -> None:
    cache = EmbeddingCache(tmp_path)
    cache.add(KEY, hashes(1), vectors(1))
    assert not cache.lookup(OTHER, hashes(1), dim=2)[1].any()
    same_folder = KEY[:32] + "c" * 32
    assert not cache.lookup(same_folder, hashes(1), dim=2)[1].any()
    assert not cache.lookup(KEY, hashes(1), dim=3)[1].any()


def test_a_damaged_file_is_removed_and_told_and_the_rest_is_used(tmp_path: Path) -> None:
    cache = EmbeddingCache(tmp_path)
    cache.add(KEY, hashes(1), vectors(1))
    (damaged,) = tmp_path.rglob("*.safetensors")
    damaged.write_bytes(damaged.read_bytes()[:-2])
    cache.add(KEY, hashes(2), vectors(2))
    _, found = cache.lookup(KEY, hashes(1, 2), dim=2)
    np.testing.assert_array_equal(found, [False, True])
    assert ["ignored" in note and damaged.name in note for note in cache.notes] == [True]
    cache.lookup(KEY, hashes(1, 2), dim=2)
    assert len(cache.notes) == 1


def test_a_full_disk_is_told_and_nothing_is_left(tmp_path: Path, full_disk: Callable[[], AbstractContextManager[None]]) -> None:
    cache = EmbeddingCache(tmp_path)
    with full_disk():
        assert not cache.add(KEY, hashes(1), vectors(1))
    assert ["not cached" in note and "PROBRM_CACHE" in note for note in cache.notes] == [True]
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    cache = EmbeddingCache(tmp_path / "file" / "cache")
    assert not cache.lookup(KEY, hashes(1), dim=2)[1].any()
    assert not cache.add(KEY, hashes(1), vectors(1))
    assert len(cache.notes) == 1


def test_many_writers_and_readers_at_once(tmp_path: Path) -> None:
    def work(number: int) -> int:
        cache = EmbeddingCache(tmp_path)
        cache.add(KEY, hashes(number, 0), vectors(number, 0))
        values, found = cache.lookup(KEY, hashes(number, 0), dim=2)
        assert found.all()
        np.testing.assert_array_equal(values, vectors(number, 0))
        return len(cache.notes)

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(work, range(1, 33))) == 0
    assert EmbeddingCache(tmp_path).lookup(KEY, hashes(*range(33)), dim=2)[1].all()


def test_the_folder_follows_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROBRM_CACHE", str(tmp_path))
    assert EmbeddingCache().folder == tmp_path
    monkeypatch.delenv("PROBRM_CACHE")
    assert "probrm" in default_folder().parts
