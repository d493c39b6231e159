"""Tracers and gateways: LangSmith, Phoenix, Helicone, LiteLLM."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.products.log import Rows, Shown, as_csv, lines, parquet


def langsmith_runs(log: Sequence[Shown], *, stats: bool) -> Rows:
    """Root runs, each with a child."""
    rows: Rows = []
    for one in log:
        root = {
            "id": f"r{one.id}",
            "trace_id": f"r{one.id}",
            "parent_run_id": None,
            "name": "chat",
            "run_type": "chain",
            "inputs": {"messages": [{"role": "user", "content": one.prompt}]},
            "outputs": {"output": one.response},
            "extra": {"metadata": {"user_id": one.user, "thread_id": one.session}},
            "start_time": one.time,
            "status": "success",
            "error": None,
            "feedback_stats": {"thumb": {"n": 1, "avg": float(one.thumb == 1)}} if stats and one.thumb else {},
        }
        child = {**root, "id": f"l{one.id}", "parent_run_id": f"r{one.id}", "run_type": "llm", "feedback_stats": {}}
        rows += [root, child]
    return rows


def langsmith(log: Sequence[Shown], folder: Path) -> str:
    """Runs with their feedback's statistics."""
    return lines(folder / "runs.jsonl", langsmith_runs(log, stats=True))


def langsmith_feedback(log: Sequence[Shown], folder: Path) -> str:
    """Runs, and rows of feedback in another file, one by a program."""
    lines(folder / "runs.jsonl", langsmith_runs(log, stats=False))
    rows = [
        {
            "id": f"f{one.id}",
            "run_id": f"l{one.id}" if i % 2 else f"r{one.id}",
            "trace_id": f"r{one.id}",
            "key": "thumb",
            "score": int(one.thumb == 1),
            "value": None,
            "feedback_source": {"type": "api"},
        }
        for i, one in enumerate(log)
        if one.thumb
    ]
    rows.append({**rows[0], "id": "judge", "key": "quality", "score": 0.4, "feedback_source": {"type": "model"}})
    lines(folder / "feedback.jsonl", rows)
    return str(folder)


def phoenix(log: Sequence[Shown], folder: Path) -> str:
    """The download of the user interface: annotations in the attributes."""
    rows = []
    for one in log:
        attributes: dict[str, Any] = {
            "input.value": one.prompt,
            "output.value": one.response,
            "user.id": one.user,
            "session.id": one.session,
            "annotations.0.annotation.name": "quality",
            "annotations.0.annotation.annotator_kind": "LLM",
            "annotations.0.annotation.score": 0.3,
        }
        if one.thumb:
            attributes |= {
                "annotations.1.annotation.name": "thumb",
                "annotations.1.annotation.annotator_kind": "HUMAN",
                "annotations.1.annotation.label": "thumbs-up" if one.thumb == 1 else "thumbs-down",
            }
        context = {"span_id": f"s{one.id}", "trace_id": f"t{one.id}"}
        rows.append(
            {
                "context": context,
                "parent_id": None,
                "span_kind": "LLM",
                "start_time": one.time,
                "status_code": "OK",
                "attributes": attributes,
            }
        )
    return lines(folder / "spans.jsonl", rows)


def phoenix_frames(log: Sequence[Shown], folder: Path) -> str:
    """Both dataframes as Parquet, in one folder."""
    spans = [
        {
            "context.span_id": f"s{one.id}",
            "name": "chat",
            "span_kind": "CHAIN",
            "parent_id": None,
            "start_time": one.time,
            "status_code": "OK",
            "context.trace_id": f"t{one.id}",
            "attributes.input.value": json.dumps({"messages": [{"role": "user", "content": one.prompt}]}),
            "attributes.output.value": one.response,
            "attributes.user.id": one.user,
            "attributes.session.id": one.session,
        }
        for one in log
    ]
    notes = [
        {
            "span_id": f"s{one.id}",
            "id": f"a{one.id}",
            "annotation_name": "thumb",
            "annotator_kind": "HUMAN",
            "result.label": None,
            "result.score": float(one.thumb == 1),
            "result.explanation": None,
        }
        for one in log
        if one.thumb
    ]
    parquet(folder / "spans.parquet", spans)
    parquet(folder / "annotations.parquet", notes)
    return str(folder)


def helicone(log: Sequence[Shown], folder: Path) -> str:
    """Requests with their bodies; one failed."""
    rows = [
        {
            "request_id": f"q{one.id}",
            "request_created_at": one.time,
            "request_user_id": one.user,
            "request_properties": {"surface": "web", "Helicone-Session-Id": one.session},
            "request_body": {"model": "m", "messages": [{"role": "user", "content": one.prompt}]},
            "response_body": {"choices": [{"message": {"role": "assistant", "content": one.response}}]},
            "request_model": "m",
            "response_status": 200,
            "scores": {"helicone-score-feedback": int(one.thumb == 1)} if one.thumb else {},
        }
        for one in log
    ]
    failed = {**rows[0], "request_id": "q-failed", "response_status": 500, "response_body": {"error": "overloaded"}}
    return lines(folder / "requests.jsonl", [failed, *rows])


def litellm(log: Sequence[Shown], folder: Path) -> str:
    """Spend logs; the feedback is in ``feedback.csv`` beside them."""
    rows = [
        {
            "request_id": f"q{one.id}",
            "call_type": "acompletion",
            "startTime": one.time,
            "model": "m",
            "user": "key-owner",
            "end_user": one.user,
            "session_id": one.session,
            "metadata": {},
            "messages": [{"role": "user", "content": one.prompt}],
            "response": {"choices": [{"message": {"role": "assistant", "content": one.response}}]},
            "status": "success",
        }
        for one in log
    ]
    other = {**rows[0], "request_id": "q-embedding", "call_type": "aembedding"}
    as_csv(folder / "feedback.csv", [{"request_id": f"q{one.id}", "thumb": "up" if one.thumb == 1 else "down"} for one in log if one.thumb])
    return lines(folder / "spend_logs.jsonl", [*rows, other])
