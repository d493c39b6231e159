"""The files of a Langfuse export: which table each one is of, each row once, and none of the manifest missing."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from probrm.data.files.hints import shown
from probrm.data.files.json_values import parse
from probrm.data.files.tables import kind_of
from probrm.data.products.contents import dig
from probrm.data.products.records import records
from probrm.errors import DataError


@dataclass
class Export:
    """Rows by table, each id once: the last of equal ones, as a row at the edge of two windows is written in both.

    ``legacy`` says that there are traces and no enriched observations; ``cut`` says why rows are missing, or nothing.
    """

    scores: list[dict[str, Any]] = field(default_factory=list)
    observations: list[dict[str, Any]] = field(default_factory=list)
    traces: list[dict[str, Any]] = field(default_factory=list)
    legacy: bool = False
    cut: str = ""
    notes: list[str] = field(default_factory=list)


def read_export(source: str, scores: str | None) -> Export:
    """A folder, or one file of observations with ``scores`` in another.

    Raises:
        DataError: a file that a manifest names is not there, or rows have no id; what the reader of records says.
    """
    found, tables = Export(), _by_table(source)
    if scores is not None:
        tables.setdefault("scores", []).append(scores)
    _check_manifests(source)
    rows = {table: [row for path in paths for row in _rows(path, found)] for table, paths in tables.items()}
    found.scores = _once(rows.get("scores", ()), "scores", found)
    found.traces = _once(rows.get("traces", ()), "traces", found)
    enriched = _once(rows.get("observations_v2", ()), "observations_v2", found)
    found.legacy = bool(found.traces) and not enriched
    found.observations = enriched or _once(rows.get("observations", ()), "observations", found)
    return found


def _by_table(source: str) -> dict[str, list[str]]:
    if not os.path.isdir(source):
        rows = records(source)
        first = rows[0] if rows else {}
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


def _rows(path: str, found: Export) -> Iterable[dict[str, Any]]:
    for row in records(path):
        if isinstance(row.get("data"), list):  # a page of the API
            meta = row.get("meta") or {}
            if meta.get("nextCursor") or meta.get("cursor") or (meta.get("totalPages") or 1) > 1:
                found.cut = f"{Path(path).name} is one page of the API's answer, and there are more"
            yield from row["data"]
        else:
            yield row


def _once(rows: Iterable[dict[str, Any]], table: str, found: Export) -> list[dict[str, Any]]:
    kept: dict[str, dict[str, Any]] = {}
    again = 0
    for row in rows:
        if not row.get("id"):
            raise DataError(
                f"the table {table!r} of the Langfuse export: a row has no id; allowed: an id in every row",
                fix="export again with the field group core",
            )
        again += str(row["id"]) in kept
        kept[str(row["id"])] = row
    if again:
        found.notes.append(f"dropped: {again} rows of {table} are written twice (edges of the export's windows)")
    return list(kept.values())


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
