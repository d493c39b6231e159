"""Vectors on disk, by encoder and by content."""

from __future__ import annotations

import os
import uuid
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float32

from probrm.encoders.shards import DamagedShardError, read_shard, write_shard


def default_folder() -> Path:
    """``$PROBRM_CACHE`` where it is set, else the user's cache folder."""
    import platformdirs

    named = os.environ.get("PROBRM_CACHE")
    return Path(os.path.expanduser(named)) if named else platformdirs.user_cache_path("probrm") / "embeddings"


class EmbeddingCache:
    """A folder with one folder an encoder and one file a call, safe to share between processes.

    Files are only ever added, each under a name of its own in one step. A damaged one is removed, so that its vectors are
    made again; a full or read-only disk costs the cache, never the work. Both are told in ``notes``.

    Attributes:
        folder: where the files are.
        notes: what went wrong and was worked around.
    """

    def __init__(self, folder: str | os.PathLike[str] | None = None) -> None:
        self.folder = default_folder() if folder is None else Path(os.path.expanduser(folder))
        self.notes: list[str] = []

    def lookup(self, key: str, hashes: Sequence[bytes], dim: int) -> tuple[Float32[np.ndarray, "n d"], Bool[np.ndarray, " n"]]:
        """Vectors of the texts with these content hashes (zeros where there is none), and which of them were found."""
        vectors = np.zeros((len(hashes), dim), dtype=np.float32)
        found = np.zeros(len(hashes), dtype=bool)
        wanted = {content: row for row, content in enumerate(hashes)}
        for path in self._shards(key):
            if not wanted:
                break
            held = self._read(path, key, dim)
            if held is None:
                continue
            table, values = held
            size = table.shape[1]
            flat = table.tobytes()
            pairs = [(wanted.pop(content), at) for at in range(len(table)) if (content := flat[at * size : at * size + size]) in wanted]
            if pairs:
                rows, places = map(list, zip(*pairs, strict=True))
                vectors[rows] = values[places]
                found[rows] = True
        return vectors, found

    def add(self, key: str, hashes: Sequence[bytes], vectors: Float32[np.ndarray, "n d"]) -> bool:
        """Write vectors as a new shard; False, with a note, where the disk does not take them."""
        folder = self._encoder_folder(key)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            write_shard(folder / f"{uuid.uuid4().hex}.safetensors", hashes, vectors, key)
        except OSError as error:
            self.notes.append(f"embeddings were not cached in {folder}: {error.strerror or error}; set PROBRM_CACHE to a folder with room")
            return False
        return True

    def _encoder_folder(self, key: str) -> Path:
        return self.folder / key[:32]

    def _shards(self, key: str) -> list[Path]:
        try:
            return sorted(path for path in self._encoder_folder(key).iterdir() if path.suffix == ".safetensors")
        except OSError:
            return []

    def _read(self, path: Path, key: str, dim: int) -> tuple[np.ndarray, np.ndarray] | None:
        try:
            table, vectors, written_for = read_shard(path)
        except FileNotFoundError:
            return None  # another process found it damaged a moment ago
        except DamagedShardError as error:
            self.notes.append(f"a cached file was ignored and its embeddings are made again: {error}")
            with suppress(OSError):
                path.unlink()
            return None
        except OSError as error:
            self.notes.append(f"a cached file cannot be read and its embeddings are made again: {path}: {error.strerror or error}")
            return None
        return (table, vectors) if written_for == key and vectors.shape[1] == dim else None
