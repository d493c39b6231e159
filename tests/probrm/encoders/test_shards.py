from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from probrm.encoders.shards import DamagedShardError, read_shard, write_shard

HASHES = [bytes([number] * 16) for number in range(3)]
VECTORS = np.arange(12, dtype=np.float32).reshape(3, 4)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    write_shard(tmp_path / "s.safetensors", HASHES, VECTORS, "key")
    table, vectors, key = read_shard(tmp_path / "s.safetensors")
    assert [row.tobytes() for row in table] == HASHES
    np.testing.assert_array_equal(vectors, VECTORS)
    assert key == "key"
    assert [path.name for path in tmp_path.iterdir()] == ["s.safetensors"]


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",
        lambda content: content[:5],
        lambda content: content[:-1],
        lambda content: content + b"x",
        lambda content: content[:-1] + bytes([content[-1] ^ 1]),
        lambda content: b"\xff" * len(content),
    ],
    ids=["empty", "header cut", "end cut", "longer", "one bit", "garbage"],
)
def test_any_damage_is_noticed(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    path = tmp_path / "s.safetensors"
    write_shard(path, HASHES, VECTORS, "key")
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(DamagedShardError):
        read_shard(path)


def test_another_safetensors_file_is_no_shard(tmp_path: Path) -> None:
    save_file({"weight": VECTORS}, tmp_path / "model.safetensors")
    with pytest.raises(DamagedShardError, match="not a file of vectors"):
        read_shard(tmp_path / "model.safetensors")


def test_a_write_that_fails_leaves_nothing_and_keeps_the_old_file(
    tmp_path: Path, full_disk: Callable[[], AbstractContextManager[None]]
) -> None:
    path = tmp_path / "s.safetensors"
    write_shard(path, HASHES, VECTORS, "old")
    with full_disk(), pytest.raises(OSError, match="large"):
        write_shard(path, HASHES, VECTORS, "new")
    assert read_shard(path)[2] == "old"
    assert len(list(tmp_path.iterdir())) == 1


def test_the_fixture_of_a_full_disk_works(tmp_path: Path, full_disk: Callable[[], AbstractContextManager[None]]) -> None:
    with full_disk(), pytest.raises(OSError, match="large"):
        (tmp_path / "f").write_bytes(b"x" * 1000)
    (tmp_path / "f").write_bytes(b"x" * 1000)
