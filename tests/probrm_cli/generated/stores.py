"""Stores of other types, shapes, keys and numbers, with checksums that fit."""

from __future__ import annotations

import contextlib
import random
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file

from probrm.encoders.shards import FORMAT, _checksum
from tests.probrm_cli.generated.case import Case, Kind
from tests.probrm_cli.generated.commands import STORE, fit_of, lay_out
from tests.probrm_cli.generated.strange import text

DTYPES = (
    torch.float32,
    torch.float64,
    torch.float16,
    torch.bfloat16,
    torch.int32,
    torch.int64,
    torch.uint8,
    torch.bool,
    torch.int8,
    torch.complex64,
    torch.float8_e4m3fn,
)


def build(draw: random.Random, folder: Path, material: Path) -> Case:
    """One thing about it is another."""
    lay_out(folder, material, runs=("implicit",))
    path = folder / "store.safetensors"
    with safe_open(path, framework="pt") as file:
        hashes, vectors, metadata = file.get_tensor("hash"), file.get_tensor("vector"), dict(file.metadata())
    change = draw.randrange(9)
    match change:
        case 0:
            vectors = vectors.to(draw.choice(DTYPES))
        case 1:
            vectors = draw.choice(
                (vectors[:-1], vectors[0], vectors[0, 0], vectors[:, :0], vectors[:0], vectors[:, :2], vectors.repeat(1, 3), vectors[None])
            )
        case 2:
            hashes = draw.choice(
                (
                    hashes[:-1],
                    hashes[:, :8],
                    hashes[:0],
                    hashes.float(),
                    hashes[0],
                    hashes.flip(0),
                    hashes[:1].expand_as(hashes),
                    hashes.int(),
                )
            )
        case 3:
            vectors = vectors.clone()
            vectors[draw.randrange(len(vectors))] = draw.choice((float("nan"), float("inf"), 1e38, 3.4e38, 1e-44, 1e20))
        case 4:
            vectors = vectors * draw.choice((0.0, 1e30, 1e-30, 1e15, -1.0)) + draw.choice((0.0, 1e6))
        case 5:
            metadata["key"] = text(draw).replace("\0", "")
        case 6:
            metadata.pop(draw.choice(sorted(metadata)))
        case 7:
            metadata["format"] = draw.choice(("", "2", text(draw), FORMAT + "x"))
        case _:
            metadata[text(draw)] = text(draw)
    tensors = {"hash": hashes.contiguous(), "vector": vectors.contiguous()}
    if draw.random() < 0.1:
        del tensors[draw.choice(sorted(tensors))]
    if draw.random() < 0.1:
        tensors[text(draw)] = torch.ones(3)
    if len(tensors) >= 2 and "sha256" in metadata:
        with contextlib.suppress(TypeError, KeyError):  # numpy has no such type
            metadata["sha256"] = _checksum(tensors["hash"].numpy(), tensors["vector"].numpy())
    save_file(tensors, path, {key: value.encode("utf-8", "replace").decode() for key, value in metadata.items()})
    score = ["score", "implicit", "--data", "log.parquet", *STORE, "--out", "new.csv"]
    words = draw.choice((score, fit_of(draw.choice(("naive", "ips", "sar-em")), draw)))
    return Case(words, f"change {change}, {vectors.dtype}", (str(vectors.dtype),))


STORE_FORMS = Kind("forms of stores", build, 3)
