from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
import pytest
import torch

from probrm.data.conversation import Conversation
from probrm.encoders.store import read_store, write_store
from probrm.errors import DataError

TEXTS = [Conversation("q", "a"), Conversation((("system", "s"), ("user", "q")), "b"), Conversation("q", "a")]
VECTORS = torch.tensor([[1.0, 2.0], [3.0, 4.0], [1.0, 2.0]])


@pytest.mark.parametrize("vectors", [VECTORS, VECTORS.numpy(), VECTORS.bfloat16()], ids=["tensor", "array", "bfloat16"])
def test_stored_vectors_come_back_by_content(tmp_path: Path, vectors: torch.Tensor | np.ndarray) -> None:
    path = tmp_path / "made" / "store.safetensors"
    write_store(path, TEXTS, vectors, "some key")
    stored = read_store(path)
    assert (stored.dim, stored.key) == (2, "some key")
    assert torch.equal(stored.encode([TEXTS[1], TEXTS[0], TEXTS[0]]), VECTORS[[1, 0, 0]])
    assert stored.encode([]).shape == (0, 2)


def test_missing_texts_are_counted_and_the_first_is_shown(tmp_path: Path) -> None:
    write_store(tmp_path / "s.safetensors", TEXTS, VECTORS, "key")
    asked = [TEXTS[0], Conversation("new question", "x" * 100), Conversation("q", "c")]
    with pytest.raises(DataError, match=r"no vector for 2 of 3 texts.*number 2.*'new question'.*x…'") as caught:
        read_store(tmp_path / "s.safetensors").encode(asked)
    assert "probrm embed" in caught.value.fix


@pytest.mark.parametrize(
    ("texts", "vectors", "said"),
    [
        (TEXTS, VECTORS[:2], "3 texts and vectors of shape"),
        (TEXTS, VECTORS[:, 0], "3 texts and vectors of shape"),
        ([], VECTORS[:0], "0 texts"),
        (TEXTS, torch.tensor([[1.0, 2.0], [3.0, float("nan")], [1.0, 2.0]]), "vector 2 is not finite"),
    ],
)
def test_vectors_that_do_not_fit_are_refused(tmp_path: Path, texts: list[Conversation], vectors: torch.Tensor, said: str) -> None:
    with pytest.raises(DataError, match=said):
        write_store(tmp_path / "s.safetensors", texts, vectors, "key")
    assert list(tmp_path.iterdir()) == []


def test_a_missing_or_damaged_or_foreign_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "s.safetensors"
    with pytest.raises(DataError, match="no such file"):
        read_store(path)
    write_store(path, TEXTS, VECTORS, "key")
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(DataError, match="damaged"):
        read_store(path)
    path.write_text("prompt,response\n")
    with pytest.raises(DataError, match="damaged"):
        read_store(path)


def test_a_full_disk_is_an_error_of_one_sentence(tmp_path: Path, full_disk: Callable[[], AbstractContextManager[None]]) -> None:
    with full_disk(), pytest.raises(DataError, match="cannot be written"):
        write_store(tmp_path / "s.safetensors", TEXTS, VECTORS, "key")
    assert list(tmp_path.iterdir()) == []
