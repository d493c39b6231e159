"""The vectors of the example's texts, so that a machine without the encoder can fit them.

python -m benchmarks.gpu.stores --out FOLDER
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import dataclass
from pathlib import Path

import torch

from probrm.data import Conversation, LogSpec, PairSpec, read_log, read_pairs
from probrm.encoders import EncoderConfig, encode_all, write_store
from probrm.encoders.resolving import OFFLINE_PACKAGE
from probrm.recipes.pairs.inputs import pair_texts

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
KINDS = {"implicit": "log", "bradley-terry": "pairs", "vrm": "pairs"}
"""The example's file that each model is fitted to."""
_TINY = 60


@dataclass(frozen=True)
class Material:
    """A file and the store of its vectors."""

    source: str
    store: str


def materials(stores: Path | None, *, tiny: bool) -> dict[str, Material]:
    """File and store by model; made in a temporary folder where there are none.

    Raises:
        SystemExit: no folder is given, and the offline encoder is not installed.
    """
    if stores is None or tiny:
        stores = Path(tempfile.mkdtemp(prefix="probrm-stores-"))
        make(stores, tiny=tiny)
    missing = [name for name in ("log", "pairs") if not (stores / f"{name}.safetensors").is_file()]
    if missing:
        raise SystemExit(f"{stores} has no {missing[0]}.safetensors; make it: python -m benchmarks.gpu.stores --out {stores}")
    sources = {name: (stores if tiny else EXAMPLES) / f"{name}.parquet" for name in ("log", "pairs")}
    return {kind: Material(str(sources[name]), str(stores / f"{name}.safetensors")) for kind, name in KINDS.items()}


def make(out: Path, *, tiny: bool = False) -> None:
    """Both stores; ``tiny`` takes the first rows of each file, which are written beside them, and random vectors."""
    from importlib.util import find_spec

    if not tiny and find_spec(OFFLINE_PACKAGE) is None:
        raise SystemExit(
            "the offline encoder is not installed here: make the stores where it is (make gpu-stores) and name them with --stores"
        )
    out.mkdir(parents=True, exist_ok=True)
    for name in ("log", "pairs"):
        source = _first_rows(name, out) if tiny else EXAMPLES / f"{name}.parquet"
        texts = _texts(name, str(source))
        store = out / f"{name}.safetensors"
        if tiny:
            write_store(store, texts, torch.randn(len(texts), 2, generator=torch.Generator().manual_seed(0)), "random numbers")
        else:
            encoded = encode_all(texts, EncoderConfig())
            write_store(store, texts, encoded.vectors, encoded.key)


def _texts(name: str, source: str) -> list[Conversation]:
    if name == "log":
        return list(read_log(source, LogSpec()).conversations)
    return pair_texts(read_pairs(source, PairSpec()), EncoderConfig(), prompts=True)


def _first_rows(name: str, out: Path) -> Path:
    import pyarrow.parquet as pq

    path = out / f"{name}.parquet"
    pq.write_table(pq.read_table(EXAMPLES / f"{name}.parquet").slice(0, _TINY), path)
    return path


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    make(parser.parse_args().out)
