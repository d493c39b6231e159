"""Results on disk, one JSON file a cell, whole or not at all: an interrupted run goes on where it was."""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import fields
from pathlib import Path
from typing import Any

from benchmarks.implicit.tasks import Task

Results = dict[Task, dict[str, Any]]


def path_of(out: Path, task: Task) -> Path:
    """Where a cell's record is kept."""
    return out / "cells" / task.data / f"{task.key}.json"


def write(out: Path, task: Task, record: dict[str, Any]) -> None:
    """Keeps a record; another one of the same task is replaced."""
    path = path_of(out, task)
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        unfinished.write_text(json.dumps(record))
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)


def done(out: Path, task: Task, *, retry: bool = False) -> bool:
    """Whether there is a record; with ``retry``, one that is no error."""
    path = path_of(out, task)
    return path.exists() and not (retry and "error" in json.loads(path.read_text()))


def read_all(out: Path) -> Results:
    """Every record."""
    names = [field.name for field in fields(Task)]
    records = [json.loads(path.read_text()) for path in sorted((out / "cells").glob("*/*.json"))]
    return {Task(**{name: record[name] for name in names}): record for record in records}
