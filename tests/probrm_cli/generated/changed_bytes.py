"""Files of every kind with bytes changed, cut or put in."""

from __future__ import annotations

import gzip
import random
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.feather
import pyarrow.parquet as pq

from tests.probrm_cli.generated.case import Case, Kind
from tests.probrm_cli.generated.commands import STORE, fit_of, fits, lay_out, on_runs, resigned
from tests.probrm_cli.generated.strange import text

FORMS = ("csv", "tsv", "jsonl", "json", "ndjson", "csv.gz", "jsonl.gz", "csv.zst", "jsonl.zst", "parquet", "parquet", "feather")


def changed(content: bytes, draw: random.Random) -> bytes:
    """Some bytes of it are others, gone, twice, or a strange text."""
    found = bytearray(content)
    for _ in range(draw.choice((1, 1, 2, 8, 64))):
        if not found:
            break
        at = draw.randrange(len(found))
        match draw.randrange(8):
            case 0 | 1 | 2:
                found[at] = draw.randrange(256)
            case 3:
                found[at] ^= 1 << draw.randrange(8)
            case 4:
                found[at:at] = text(draw).encode("utf-8", "surrogatepass")
            case 5:
                del found[at : at + draw.choice((1, 2, 8, 100))]
            case 6:
                found[at:at] = found[at : at + draw.choice((1, 10, 1000))]
            case _:
                found[at : at + 4] = draw.choice(
                    (b"\xff\xff\xff\xff", b"\x00\x00\x00\x00", b"\xff\xff\xff\x7f", b"\n\n\n\n", b'""""', b"[[[[")
                )
    if draw.random() < 0.1:
        del found[draw.randrange(len(found) + 1) :]
    return bytes(found)


def as_form(source: Path, form: str, path: Path) -> None:
    """A table written in another form."""
    table = pq.read_table(source, use_threads=False)
    plain = form.removesuffix(".gz").removesuffix(".zst")
    if plain == "parquet":
        pq.write_table(table, path)
        return
    if plain == "feather":
        pyarrow.feather.write_feather(table, path)
        return
    if plain in ("csv", "tsv"):
        sink = pa.BufferOutputStream()
        pyarrow.csv.write_csv(table, sink, pyarrow.csv.WriteOptions(delimiter="\t" if plain == "tsv" else ","))
        content = sink.getvalue().to_pybytes()
    else:
        content = table.to_pandas().to_json(orient="records", lines=plain != "json").encode()
    if form.endswith(".gz"):
        content = gzip.compress(content, 1)
    if form.endswith(".zst"):
        content = pa.Codec("zstd").compress(content, asbytes=True)
    path.write_bytes(content)


def tables(draw: random.Random, folder: Path, material: Path) -> Case:
    """A log or pairs, read by something."""
    form, words, runs = draw.choice(FORMS), ["inspect", "log.parquet"], ()
    match draw.randrange(4):
        case 0:
            words = fits(draw)
        case 1:
            words, runs = on_runs(draw)
            if "--data" not in words:
                words = ["score", "implicit", "--data", "log.parquet", *STORE, "--out", "new.csv"]
                runs = ("implicit",)
        case _:
            words = draw.choice((["inspect", "log.parquet"], ["inspect", "pairs.parquet"]))
    lay_out(folder, material, runs=runs)
    name = next(word for word in words if word in ("log.parquet", "pairs.parquet", "truth.parquet"))
    whole = folder / f"data.{form}"
    as_form(material / name, form, whole)
    content = whole.read_bytes()
    if form.endswith(".gz") and draw.random() < 0.5:  # damaged below the packing
        whole.write_bytes(gzip.compress(changed(gzip.decompress(content), draw), 1))
    else:
        whole.write_bytes(changed(content, draw))
    return Case([whole.name if word == name else word for word in words], whole.name, (form,))


def stores(draw: random.Random, folder: Path, material: Path) -> Case:
    """A store, or the offline table of one."""
    lay_out(folder, material, runs=("implicit",))
    path = folder / "store.safetensors"
    path.write_bytes(changed(path.read_bytes(), draw))
    words = draw.choice((["score", "implicit", "--data", "log.parquet", *STORE, "--out", "new.csv"], fit_of("naive", draw)))
    return Case(words, "store.safetensors", ("safetensors",))


def run_folders(draw: random.Random, folder: Path, material: Path) -> Case:
    """A file of a run, mostly with hashes made to fit."""
    words, runs = on_runs(draw)
    lay_out(folder, material, runs=runs)
    run = folder / words[1]
    name = draw.choice(
        ("posterior.nc", "posterior.nc", "tensors.safetensors", "run.json", "run.json", "metrics.json", "history.json", "split.json")
    )
    (run / name).write_bytes(changed((run / name).read_bytes(), draw))
    if draw.random() < 0.8:
        resigned(run)
    return Case(words, f"{words[1]}/{name}", (name,))


def encoders(draw: random.Random, folder: Path, material: Path) -> Case:
    """A file of an encoder's folder."""
    lay_out(folder, material)
    shutil.copytree(material / "tiny", folder / "tiny")
    path = draw.choice(sorted((folder / "tiny").iterdir()))
    path.write_bytes(changed(path.read_bytes(), draw))
    return Case(["embed", "--data", "rated.csv", "--encoder", "tiny", "--out", "new.safetensors"], path.name, (path.name,))


TABLES = Kind("bytes of tables", tables, 16)
STORES = Kind("bytes of stores", stores, 3)
RUNS = Kind("bytes of runs", run_folders, 9)
ENCODERS = Kind("bytes of encoders", encoders, 3)
