"""Scores of Langfuse in their three forms: the blob export's, and those of the API's versions 2 and 3."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from probrm.data.products.contents import dig, text_or_none


@dataclass(frozen=True, slots=True)
class Score:
    """One score; ``observation``, ``trace`` and ``session`` are what it is about, as far as it says."""

    name: str
    value: Any
    source: str
    time: str
    observation: str | None
    trace: str | None
    session: str | None


def scores_of(rows: Iterable[Mapping[str, Any]], named: Sequence[str]) -> tuple[list[Score], list[str]]:
    """Users' and annotators' scores, and notes; scores of evaluators only where they are named.

    Args:
        rows: with an ``id`` each; of several with one id the last counts.
        named: kinds of feedback that the user named.
    """
    found: dict[str, Score | str] = {}
    for row in rows:
        score = _score(row)
        found[str(row["id"])] = score.name if score.source == "EVAL" and score.name not in named else score
    kept = [score for score in found.values() if isinstance(score, Score) and score.value is not None]
    judged = [name for name in found.values() if isinstance(name, str)]
    if not judged:
        return kept, []
    return kept, [f"left out: {len(judged)} scores by evaluators (source EVAL: {', '.join(sorted(set(judged)))}); name them to use them"]


def _score(row: Mapping[str, Any]) -> Score:
    def get(*keys: str) -> Any:
        return next((row[key] for key in keys if row.get(key) is not None and row[key] == row[key] and row[key] != ""), None)

    kind, name, trace = dig(row, "subject", "kind"), dig(row, "subject", "id"), dig(row, "subject", "traceId")
    value = get("value")
    if str(get("data_type", "dataType") or "").upper() in ("CATEGORICAL", "TEXT"):
        value = get("string_value", "stringValue") or value
    if isinstance(value, str) and str(get("data_type", "dataType") or "").upper() in ("NUMERIC", "BOOLEAN"):
        value = {"true": 1, "false": 0}.get(value.lower(), value)
    if isinstance(value, bool):
        value = int(value)
    return Score(
        name=sys.intern(str(row.get("name"))),
        value=value,
        source=sys.intern(str(row.get("source") or "API").upper()),
        time=str(get("timestamp", "updated_at", "updatedAt", "created_at") or ""),
        observation=text_or_none(name if kind == "observation" else get("observation_id", "observationId")),
        trace=text_or_none(name if kind == "trace" else trace or get("trace_id", "traceId")),
        session=text_or_none(name if kind == "session" else get("session_id", "sessionId")),
    )
