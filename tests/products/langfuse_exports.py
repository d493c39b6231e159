"""Langfuse's blob export, its older form, and its API."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.products.log import Rows, Shown, lines, listed


def langfuse_scores(log: Sequence[Shown]) -> Rows:
    """The table ``scores`` of the blob export; ``value`` is 1 and 0, as a BOOLEAN score has them; and one by an evaluator."""
    rows = [
        {
            "id": f"s{one.id}",
            "timestamp": one.time,
            "project_id": "p",
            "environment": "default",
            "trace_id": f"t{one.id}",
            "observation_id": None,
            "session_id": None,
            "dataset_run_id": None,
            "name": "thumb",
            "value": float(one.thumb == 1),
            "source": "API",
            "comment": None,
            "data_type": "BOOLEAN",
            "string_value": "True" if one.thumb == 1 else "False",
            "created_at": one.time,
            "updated_at": one.time,
        }
        for one in log
        if one.thumb
    ]
    judged = {
        **rows[0],
        "id": "judge",
        "name": "hallucination",
        "value": 0.25,
        "source": "EVAL",
        "data_type": "NUMERIC",
        "string_value": None,
    }
    return [*rows, judged]


def langfuse_observations(log: Sequence[Shown]) -> Rows:
    """The table ``observations_v2``: a root span and the generation below it."""
    rows = []
    for one in log:
        root = {
            "id": f"o{one.id}",
            "trace_id": f"t{one.id}",
            "start_time": one.time,
            "end_time": one.time,
            "project_id": "p",
            "parent_observation_id": None,
            "type": "SPAN",
            "name": "chat",
            "level": "DEFAULT",
            "environment": "default",
            "user_id": one.user,
            "session_id": one.session,
            "is_root_observation": True,
            "input": json.dumps([{"role": "user", "content": one.prompt}]),
            "output": one.response,
        }
        below = {**root, "id": f"g{one.id}", "parent_observation_id": f"o{one.id}", "type": "GENERATION", "is_root_observation": False}
        below["input"] = json.dumps([{"role": "system", "content": "Be brief."}, {"role": "user", "content": one.prompt}])
        rows += [root, below]
    return rows


def langfuse(log: Sequence[Shown], folder: Path, write: Callable[[Path, Rows], str] = lines, ending: str = "jsonl") -> str:
    """The folder of two windows: the row at their common edge is in both."""
    base = folder / "exports" / "p"
    scores, observations = langfuse_scores(log), langfuse_observations(log)
    half = len(observations) // 2
    files = {
        f"scores/2026-11-01T01-00-00.{ending}": scores,
        f"observations_v2/2026-11-01T00-30-00.{ending}": observations[: half + 1],
        f"observations_v2/2026-11-01T01-00-00.{ending}": observations[half:],
    }
    for name, rows in files.items():
        write(base / name, rows)
    manifest = {
        "version": 1,
        "projectId": "p",
        "exportSource": "OBSERVATIONS_V2",
        "window": {"minTimestamp": log[0].time, "maxTimestamp": log[-1].time},
        "tables": ["scores", "observations_v2"],
        "files": [{"key": f"exports/p/{name}", "table": name.split("/")[0], "rowCount": len(rows)} for name, rows in files.items()],
    }
    (base / "manifests").mkdir()
    listed(base / "manifests" / "2026-11-01T01-00-00.json", manifest)
    return str(base)


def langfuse_legacy(log: Sequence[Shown], folder: Path) -> str:
    """Traces and observations, as they were before ``observations_v2``."""
    traces = [
        {
            "id": f"t{one.id}",
            "timestamp": one.time,
            "name": "chat",
            "environment": "default",
            "project_id": "p",
            "metadata": {},
            "user_id": one.user,
            "session_id": one.session,
            "tags": ["web"],
            "input": {"messages": [{"role": "user", "content": one.prompt}]},
            "output": {"role": "assistant", "content": one.response},
        }
        for one in log
    ]
    below = [
        {k: v for k, v in row.items() if k not in ("user_id", "session_id", "is_root_observation")} for row in langfuse_observations(log)
    ]
    lines(folder / "scores" / "a.jsonl.gz", langfuse_scores(log))
    lines(folder / "traces" / "a.jsonl.gz", traces)
    lines(folder / "observations" / "a.jsonl.gz", [row for row in below if row["parent_observation_id"]])
    return str(folder)


def langfuse_v3(log: Sequence[Shown], folder: Path) -> str:
    """Observations, and scores as the API's version 3 answers."""
    lines(folder / "observations_v2" / "a.jsonl", langfuse_observations(log))
    rows = [
        {
            "id": row["id"],
            "projectId": "p",
            "name": row["name"],
            "dataType": row["data_type"],
            "value": bool(row["value"]) if row["data_type"] == "BOOLEAN" else row["value"],
            "source": row["source"],
            "timestamp": row["timestamp"],
            "environment": "default",
            "subject": {"kind": "trace", "id": row["trace_id"]},
            "createdAt": row["created_at"],
            "updatedAt": row["updated_at"],
        }
        for row in langfuse_scores(log)
    ]
    (folder / "scores").mkdir()
    listed(folder / "scores" / "page.json", {"data": rows, "meta": {}})
    return str(folder)
