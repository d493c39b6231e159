"""Files of a few megabytes or less that ask for tens of gigabytes or for hours, each read by a command in a process of its own."""

from __future__ import annotations

import gzip
import json
import os
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import Dataset

MOST_BYTES, MOST_SECONDS = 2 * 10**9, 120
N = 300_000
PACK: dict[str, Callable[[bytes], bytes]] = {".gz": gzip.compress, ".zst": lambda data: pa.compress(data, codec="zstd", asbytes=True)}
HEADS = {"csv": b"prompt,response,action\n", "jsonl": b"", "json": b"["}
ROWS = {"csv": b"xx,yy,1\n", "jsonl": b'{"prompt": "xx", "response": "yy", "action": 1}\n', "json": b'{"prompt": "xx", "action": 1},\n'}
PROGRAM = """
import atexit, sys
from probrm_cli.main import main
atexit.register(lambda: sys.stderr.write(next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))))
main()
"""
"""The command, and the most memory that it had: what the kernel counts for a child includes what its parent had."""
LOG = {"response": ["y"] * N, "action": np.arange(N) % 2}


def packed(path: Path, kind: str) -> None:
    """20 GB of rows, in members of 64 MB that are packed once."""
    pack = PACK[path.suffix]
    part = pack(ROWS[kind] * (2**26 // len(ROWS[kind])))
    path.write_bytes(pack(HEADS[kind] + ROWS[kind]) + part * 300)


def holes(path: Path) -> None:
    """20 GB of which nothing is written."""
    with path.open("wb") as file:
        file.write(b"PAR1" if path.suffix == ".parquet" else b'prompt\n{"a": 1}\n')
        file.truncate(20 * 10**9)


def table(path: Path, columns: dict[str, Any], **options: Any) -> None:
    pq.write_table(pa.table(columns), path, store_schema=False, **options)


def prefixes(path: Path) -> None:
    """10 GB of texts that begin as the one before: a few bytes each."""
    part = pa.table({"prompt": [("x" * 100_000) + str(i % 10) for i in range(1_000)]})
    encoding = {"use_dictionary": False, "column_encoding": {"prompt": "DELTA_BYTE_ARRAY"}}
    with pq.ParquetWriter(path, part.schema, store_schema=False, **encoding) as writer:
        for _ in range(100):
            writer.write_table(part)


def zeros(path: Path, part: bytes) -> None:
    path.write_bytes(part * 300)


def coded(text: str) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(pa.array(np.arange(N) % 2, pa.int32()), pa.array([text, text + "y"]))


def written(path: Path, lines: Iterable[str]) -> None:
    with path.open("w") as file:
        file.writelines(lines)


def wide(path: Path, n: int) -> None:
    names = [f"c{i}" for i in range(n)]
    if path.suffix == ".csv":
        written(path, [",".join(names) + "\n", *[",".join("1" * n) + "\n"] * 60])
    elif path.suffix == ".parquet":
        table(path, {name: [1] * 60 for name in names})
    else:
        written(path, [json.dumps(dict.fromkeys(names, 1)) + "\n"] * 60)


def chain(path: Path, n: int) -> None:
    """One chat in which every answer has all before it in its prompt."""
    rows = [
        {"messageId": f"m{i}", "parentMessageId": f"m{i - 1}", "isCreatedByUser": i % 2 == 0, "text": "x" * 100, "conversationId": "c"}
        for i in range(n)
    ]
    path.write_text(json.dumps(rows))


def saved(path: Path) -> None:
    Dataset.from_dict({"prompt": ["x"]}).save_to_disk(path)
    (file,) = path.glob("*.arrow")
    schema = pa.schema([("prompt", pa.string())])
    with pa.ipc.new_stream(file, schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
        batch = pa.record_batch([pa.array(["x" * 10**8])], schema)
        for _ in range(200):
            writer.write_batch(batch)


BOMBS: dict[str, Callable[[Path], Any]] = {
    **{f"log.{kind}{ending}": lambda path, kind=kind: packed(path, kind) for kind in HEADS for ending in PACK},
    "holes.csv": holes,
    "holes.jsonl": holes,
    "holes.parquet": holes,
    "dictionary.parquet": lambda path: table(path, {"prompt": coded("x" * 100_000), **LOG}),
    "nested.parquet": lambda path: table(
        path, {"prompt": pa.ListArray.from_arrays(pa.array(np.arange(N + 1), pa.int32()), coded("x" * 100_000)), **LOG}
    ),
    "prefixes.parquet": prefixes,
    "missing.parquet": lambda path: table(path, {"n": pa.chunked_array([pa.nulls(1 << 20, pa.int64())] * 2_800)}, compression="zstd"),
    "zeros.parquet.gz": lambda path: zeros(path, gzip.compress(bytes(2**26))),
    "zeros.parquet.zst": lambda path: zeros(path, PACK[".zst"](bytes(2**26))),
    "wide.csv": lambda path: wide(path, 20_000),
    "wide.jsonl": lambda path: wide(path, 20_000),
    "wide.parquet": lambda path: wide(path, 20_000),
    "keys.jsonl": lambda path: written(path, (f'{{"prompt": "x", "votes": {{"user{i}": 1}}}}\n' for i in range(100_000))),
    "keys.json": lambda path: written(path, ["[", ",\n".join(f'{{"key{i}": 1}}' for i in range(100_000)), "]"]),
    "sparse.jsonl": lambda path: written(path, [json.dumps({f"c{i}": 1 for i in range(5_000)}) + "\n", "{}\n" * 3_000_000]),
    "mixed.jsonl": lambda path: written(path, [json.dumps({f"c{i}": row or "x" for i in range(2_000)}) + "\n" for row in range(100)]),
    "deep.jsonl": lambda path: written(path, ['{"a":' + "[" * 50_000_000]),
    "one_line.jsonl": lambda path: written(path, ['{"prompt": "', "x " * 80_000_000, '"}\n']),
    "open_quote.csv": lambda path: written(path, ['prompt,response\n"x,y\n', "x,y\n" * 50_000_000]),
    "brackets.csv": lambda path: written(path, ["prompt,response,action\n", *(f'"{"[" * 50_000}{i}",y,{i % 2}\n' for i in range(500))]),
    "long_texts.csv": lambda path: written(path, ["prompt,response,action\n", *(f"{'x ' * 500_000}{i},y,{i % 2}\n" for i in range(60))]),
    "chain.json": lambda path: chain(path, 60_000),
    "saved": saved,
}
"""Name of the file → what writes it."""
ALIKE = {"log.csv.gz", "log.jsonl.gz", "log.json.gz", "zeros.parquet.gz", "wide.csv", "keys.jsonl", "nested.parquet"}
"""Those of which others are nearly the same: with --thorough only."""


@pytest.mark.long
@pytest.mark.parametrize("name", BOMBS)
def test_memory_and_time_are_bounded(tmp_path: Path, name: str, simulations: Callable[[int, int], int]):
    simulations(1, int(name not in ALIKE))
    BOMBS[name](tmp_path / name)
    started, errors = time.monotonic(), tmp_path / "stderr"
    command = [sys.executable, "-c", PROGRAM, "inspect", str(tmp_path / name)]
    with errors.open("wb") as err, open(os.devnull, "wb") as nowhere:
        child = os.posix_spawn(
            sys.executable,
            command,
            {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            file_actions=[(os.POSIX_SPAWN_DUP2, nowhere.fileno(), 1), (os.POSIX_SPAWN_DUP2, err.fileno(), 2)],
        )
    _, status = os.waitpid(child, 0)
    seconds, said = time.monotonic() - started, errors.read_text("utf-8", "replace")
    said, _, peak = said.rpartition("VmHWM:")
    peak = int(peak.split()[0]) * 1024
    print(f"{name}: {(tmp_path / name).stat().st_size / 1e6:.1f} MB, {seconds:.0f} s, {peak / 1e6:.0f} MB, {said.splitlines()[:1]}")
    assert os.waitstatus_to_exitcode(status) in (0, 2), said
    assert "Traceback" not in said
    assert (os.waitstatus_to_exitcode(status) == 2) == said.startswith("error: ")
    assert peak < MOST_BYTES
    assert seconds < MOST_SECONDS
