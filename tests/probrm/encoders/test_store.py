from __future__ import annotations

import contextlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from probrm.data.conversation import Conversation
from probrm.encoders.shards import FORMAT, _checksum
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


HASHES, ONES = torch.zeros(2, 16, dtype=torch.uint8), torch.ones(2, 3)


@pytest.mark.parametrize(
    ("tensors", "said"),
    [
        pytest.param({"hash": HASHES, "vector": ONES.int()}, "'vector' is 2 × 3 of I32", id="whole numbers"),
        pytest.param({"hash": HASHES, "vector": ONES.byte()}, "'vector' is 2 × 3 of U8", id="bytes"),
        pytest.param({"hash": HASHES, "vector": ONES.bool()}, "'vector' is 2 × 3 of BOOL", id="truth values"),
        pytest.param({"hash": HASHES, "vector": ONES.bfloat16()}, "'vector' is 2 × 3 of BF16", id="16 bits"),
        pytest.param({"hash": HASHES, "vector": ONES.half()}, "'vector' is 2 × 3 of F16", id="16 bits of the other kind"),
        pytest.param({"hash": HASHES, "vector": ONES.double()}, "'vector' is 2 × 3 of F64", id="64 bits"),
        pytest.param({"hash": HASHES, "vector": ONES[0]}, "'vector' is 3 of F32", id="one dimension"),
        pytest.param({"hash": HASHES, "vector": torch.tensor(1.0)}, "'vector' is one number of F32", id="a number"),
        pytest.param({"hash": HASHES, "vector": ONES[:, :0].clone()}, "'vector' is 2 × 0 of F32", id="no columns"),
        pytest.param({"hash": HASHES, "vector": ONES[:1].clone()}, "2 hashes of texts and 1 vectors", id="fewer vectors"),
        pytest.param({"hash": HASHES[:, :8].clone(), "vector": ONES}, "'hash' is 2 × 8 of U8", id="short hashes"),
        pytest.param({"hash": HASHES.float(), "vector": ONES}, "'hash' is 2 × 16 of F32", id="hashes as numbers"),
        pytest.param({"vector": ONES}, "no tensor 'hash'", id="no hashes"),
        pytest.param({"hash": HASHES}, "no tensor 'vector'", id="no vectors"),
        pytest.param({}, "no tensor 'hash'", id="nothing"),
        pytest.param({"hash": HASHES, "vector": ONES * torch.nan}, "vector 1 is not finite", id="not finite"),
    ],
)
def test_stores_of_another_form(tensors: dict[str, torch.Tensor], said: str, tmp_path: Path) -> None:
    metadata = {"format": FORMAT, "key": "k"}
    if {"hash", "vector"} <= tensors.keys():
        with contextlib.suppress(TypeError):  # numpy has no such type
            metadata["sha256"] = _checksum(*(tensors[name].numpy() for name in ("hash", "vector")))
    save_file(tensors, tmp_path / "s.safetensors", metadata)
    with pytest.raises(DataError, match=said):
        read_store(tmp_path / "s.safetensors")


def test_a_store_that_does_not_name_its_encoder(tmp_path: Path) -> None:
    save_file({"hash": HASHES, "vector": ONES}, tmp_path / "s.safetensors", {"format": FORMAT})
    with pytest.raises(DataError, match="which encoder made its vectors"):
        read_store(tmp_path / "s.safetensors")
