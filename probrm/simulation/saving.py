"""A simulated log on disk: the table with its settings inside (parquet) or beside it (all other forms)."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Any

import pyarrow.parquet as pq

from probrm.data.files.writing import check_target, filler, write_table
from probrm.disk import check_file, put_file, telling
from probrm.errors import DataError
from probrm.simulation.log import SimulatedLog

_KEY = b"probrm.simulation"


def check_simulation_target(path: str | Path, *, overwrite: bool = False, inputs: Iterable[str] = ()) -> None:
    """Refuses a target that cannot be written, before the work that fills it.

    Raises:
        DataError: the ending is unknown, the folder is missing, there is a file already, or it is one of ``inputs``.
    """
    check_target(path, overwrite=overwrite, inputs=inputs)
    if (beside := _beside(path)) is not None:
        check_file(beside, overwrite=overwrite, inputs=inputs, raised=DataError)


def write_simulation(simulated: SimulatedLog, path: str | Path, *, overwrite: bool = True) -> list[str]:
    """Writes the log; in parquet the record is the schema's metadata ``probrm.simulation``, else JSON in ``PATH.json``.

    Returns:
        The files that were written.

    Raises:
        DataError: the ending is unknown, the folder is missing, or the disk refuses. Nothing new is left then.
    """
    beside, told = _beside(path), json.dumps(simulated.record, indent=None if _beside(path) is None else 1)
    if beside is None:
        write_table(simulated.table.replace_schema_metadata({_KEY: told.encode()}), path, overwrite=overwrite)
        return [str(path)]
    fill = filler(simulated.table, path)

    def table(file: IO[bytes]) -> None:
        fill(file)
        if overwrite:  # a log whose record is missing says less than one with another log's
            beside.unlink(missing_ok=True)

    def record(file: IO[bytes]) -> None:
        """Into its hidden file, so that its room is there; then the log gets its name, then this."""
        file.write((told + "\n").encode())
        file.flush()
        put_file(path, table, overwrite=overwrite)

    with telling(path, DataError):
        put_file(beside, record)
    return [str(path), str(beside)]


def read_simulation(path: str | Path) -> dict[str, Any] | None:
    """The record of a simulated log; None where the file has none."""
    beside = _beside(path)
    if beside is not None:
        return json.loads(beside.read_text()) if beside.exists() else None
    metadata = pq.read_schema(path).metadata or {}
    return json.loads(metadata[_KEY]) if _KEY in metadata else None


def _beside(path: str | Path) -> Path | None:
    return None if Path(path).name.lower().endswith(".parquet") else Path(f"{path}.json")
