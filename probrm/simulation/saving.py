"""A simulated log on disk: the table with its settings inside (parquet) or beside it (all other forms)."""

from __future__ import annotations

import json
import os
import secrets
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from probrm.data.files.writing import check_target, write_table
from probrm.errors import DataError
from probrm.simulation.log import SimulatedLog

_KEY = b"probrm.simulation"


def check_simulation_target(path: str | Path, *, overwrite: bool = False) -> None:
    """Refuses a target that cannot be written, before the work that fills it.

    Raises:
        DataError: the ending is unknown, the folder is missing, or there is a file already.
    """
    check_target(path)
    taken = next((file for file in (Path(path), _beside(path)) if file is not None and file.exists()), None)
    if taken is not None and not overwrite:
        raise DataError(
            f"--out {path}: the file {'' if taken == Path(path) else f'{taken} '}exists already",
            fix="name another file, or replace it with --overwrite",
        )


def write_simulation(simulated: SimulatedLog, path: str | Path) -> list[str]:
    """Writes the log; in parquet the record is the schema's metadata ``probrm.simulation``, else JSON in ``PATH.json``.

    Returns:
        The files that were written.

    Raises:
        DataError: the ending is unknown, the folder is missing, or the disk refuses. Nothing new is left then.
    """
    beside, told = _beside(path), json.dumps(simulated.record, indent=None if _beside(path) is None else 1)
    if beside is None:
        write_table(simulated.table.replace_schema_metadata({_KEY: told.encode()}), path)
        return [str(path)]
    unfinished = beside.with_name(f".{beside.name}.{secrets.token_hex(4)}.tmp")
    try:
        unfinished.write_text(told + "\n")
        write_table(simulated.table, path)
        os.replace(unfinished, beside)
    except OSError as error:
        raise DataError(f"{beside}: cannot be written ({error.strerror or error})", fix="free some room, or write elsewhere") from error
    finally:
        unfinished.unlink(missing_ok=True)
    return [str(path), str(beside)]


def read_simulation(path: str | Path) -> dict[str, Any] | None:
    """The record of a simulated log; None where the file has none."""
    beside = _beside(path)
    if beside is not None:
        return json.loads(beside.read_text()) if beside.exists() else None
    metadata = pq.read_schema(path).metadata or {}
    return json.loads(metadata[_KEY]) if _KEY in metadata else None


def _beside(path: str | Path) -> Path | None:
    return None if check_target(path) == ".parquet" else Path(f"{path}.json")
