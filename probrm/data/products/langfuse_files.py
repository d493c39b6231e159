"""The files of a Langfuse export: which table each one is of, each row once, and none of the manifest missing."""

from __future__ import annotations

import os
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from probrm.data.files.hints import shown
from probrm.data.files.json_values import parse
from probrm.data.files.tables import kind_of
from probrm.data.products.contents import dig
from probrm.data.products.records import records
from probrm.errors import DataError


@dataclass
class Export:
    """The tables of an export, each read row by row: an export may hold more rows than memory does.

    Attributes:
        tables: name → files.
        notes: on what was read so far.
        cut: why rows are missing, or nothing; known when all is read.
    """

    tables: dict[str, list[str]]
    notes: list[str] = field(default_factory=list)
    cut: str = ""

    def rows(self, table: str) -> Iterator[dict[str, Any]]:
        """Its rows. A row at the edge of two windows is written in both: the last of one id counts, and how many there are is noted.

        Raises:
            DataError: a row has no id; what the reader of records says.
        """
        seen = array("q")  # a hash each: the ids themselves would be most of what is held
        for path in self.tables.get(table, ()):
            for row in self._read(path):
                if not row.get("id"):
                    raise DataError(
                        f"the table {table!r} of the Langfuse export: a row has no id; allowed: an id in every row",
                        fix="export again with the field group core",
                    )
                seen.append(hash(str(row["id"])))
                yield row
        if again := len(seen) - len(np.unique(np.frombuffer(seen, np.int64))) if seen else 0:
            self.notes.append(f"dropped: {again} rows of {table} are written twice (edges of the export's windows)")

    def _read(self, path: str) -> Iterator[dict[str, Any]]:
        for row in records(path):
            if isinstance(row.get("data"), list):  # a page of the API
                meta = row.get("meta") or {}
                if meta.get("nextCursor") or meta.get("cursor") or (meta.get("totalPages") or 1) > 1:
                    self.cut = f"{Path(path).name} is one page of the API's answer, and there are more"
                yield from row["data"]
            else:
                yield row


def open_export(source: str, scores: str | None) -> Export:
    """A folder, or one file of observations with ``scores`` in another.

    Raises:
        DataError: a file that a manifest names is not there; what the reader of records says.
    """
    tables = _by_table(source)
    if scores is not None:
        tables.setdefault("scores", []).append(scores)
    _check_manifests(source)
    return Export(tables)


def _by_table(source: str) -> dict[str, list[str]]:
    if not os.path.isdir(source):
        first = next(records(source), {})
        keys = set(first) | set(dig(first, "data", 0) or {})
        if {"data_type", "dataType"} & keys:
            return {"scores": [source]}
        return {"observations_v2" if "trace_id" in keys else "traces": [source]}
    found: dict[str, list[str]] = {}
    for folder, _, names in os.walk(source):
        for name in sorted(names):
            path = os.path.join(folder, name)
            parts = Path(os.path.relpath(path, source)).parts
            table = next(
                (
                    part
                    for part in (*reversed(parts[:-1]), parts[-1].split(".")[0])
                    if part in ("scores", "observations_v2", "observations", "traces")
                ),
                None,
            )
            if table and kind_of(Path(path)):
                found.setdefault(table, []).append(path)
    return {table: sorted(paths) for table, paths in found.items()}


def _check_manifests(source: str) -> None:
    folder = Path(source)
    if not folder.is_dir():
        return
    there = {path.name: path for path in folder.rglob("*") if path.is_file()}
    inside = {path.relative_to(folder).as_posix() for path in there.values()}
    for manifest in sorted(path for path in folder.rglob("manifests/*.json")):
        try:
            listed = parse(manifest.read_text("utf-8")).get("files") or []
        except (ValueError, AttributeError, OSError) as error:
            raise DataError(f"{manifest}: the manifest cannot be read ({error})", fix="copy the export again") from error
        for one in listed if isinstance(listed, list) else ():
            if not isinstance(one, dict):
                raise DataError(f"{manifest}: the manifest cannot be read (it lists {shown(one)})", fix="copy the export again")
            key = str(one.get("key", ""))
            if (
                not any(key.endswith(path) or path.endswith(key) for path in inside)
                and not (folder / str(one.get("table")) / Path(key).name).is_file()
            ):
                raise DataError(
                    f"{source}: the manifest names {key}, which is not there: the export is incomplete",
                    fix="copy the whole export, or wait until it is written",
                )
