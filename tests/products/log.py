"""One synthetic log, and the files that its exports are written to."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Shown:
    """One answer that was shown; ``thumb`` is 1, -1 or 0."""

    id: str
    user: str | None
    session: str
    prompt: str
    response: str
    thumb: int

    @property
    def time(self) -> str:
        """When: a second each, in the order of the ids."""
        number = int(self.id[1:])
        return f"2026-11-01T{number // 3600:02d}:{number // 60 % 60:02d}:{number % 60:02d}.000Z"


def synthetic_log(n: int = 60) -> list[Shown]:
    """60 answers: every third has a thumb up, every fifth of the others one down."""
    found = []
    for i in range(n):
        thumb = 1 if i % 3 == 0 else -1 if i % 5 == 0 else 0
        found.append(Shown(f"m{i}", f"u{i % 7}", f"c{i}", f"What is {i} + 1?", f"It is {i + 1}.", thumb))
    return found


def lines(path: Path, rows: Rows) -> str:
    """JSON lines."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(text.encode()))
    else:
        path.write_text(text)
    return str(path)


def listed(path: Path, rows: Rows | dict[str, Any]) -> str:
    """One JSON list, or one object."""
    path.write_text(json.dumps(rows, ensure_ascii=False, indent=1))
    return str(path)


def parquet(path: Path, rows: Rows) -> str:
    """Parquet."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows), path)
    return str(path)


def as_csv(path: Path, rows: Rows) -> str:
    """A CSV, nested values as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        for row in rows:
            writer.writerow({k: json.dumps(v) if isinstance(v, list | dict) else v for k, v in row.items()})
    return str(path)


def plain(log: Sequence[Shown]) -> Rows:
    """Native columns."""
    return [{"id": one.id, "prompt": one.prompt, "response": one.response, "user_id": one.user, "thumb": one.thumb} for one in log]
