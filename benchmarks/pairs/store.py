"""Raw results on disk, one JSON line a fit, so that an interrupted run goes on where it was."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

from benchmarks.pairs.fits import Task

_RESULTS = "results.jsonl"


def read(folder: Path) -> dict[Task, dict[str, Any]]:
    """What has been fitted."""
    names = [field.name for field in fields(Task)]
    return {Task(**{name: record[name] for name in names}): record for record in _read(folder / _RESULTS)}


def write(folder: Path, record: dict[str, Any]) -> None:
    """Appends one fit."""
    _append(folder / _RESULTS, record)


def _read(path: Path) -> list[dict[str, Any]]:
    found = []
    for line in path.read_text().splitlines() if path.exists() else []:
        try:
            found.append(json.loads(line))
        except json.JSONDecodeError:  # cut off in the middle: that fit is done again
            continue
    return found


def _append(path: Path, record: dict[str, Any]) -> None:
    whole = not path.exists() or path.read_bytes()[-1:] in (b"", b"\n")
    with path.open("a") as file:
        file.write(("" if whole else "\n") + json.dumps(record) + "\n")
