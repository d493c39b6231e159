"""One synthetic log, and how each product writes it: made from the products' published schemas.

The log is a list of ``Shown``: one answer each, in the order in which it was shown. ``render[name](log, folder)`` writes the export
of a product into a folder and gives what ``--data`` names. Chats have one turn each, so that every product can say them.
"""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Callable, Sequence
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


# ---- Langfuse


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


# ---- tracers and gateways


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


# ---- chats


def openwebui_feedback(log: Sequence[Shown], folder: Path) -> str:
    """Ratings with snapshots of their chats: so that all answers are in it, three neighbours share a chat."""
    rows = []
    for start in range(0, len(log), 3):
        members = log[start : start + 3]
        messages: dict[str, Any] = {}
        for one in members:
            messages[f"q{one.id}"] = {"id": f"q{one.id}", "role": "user", "content": one.prompt, "parentId": None, "childrenIds": [one.id]}
            messages[one.id] = {"id": one.id, "role": "assistant", "content": one.response, "parentId": f"q{one.id}", "model": "m"}
        chat = {"id": f"chat{start}", "chat": {"history": {"messages": messages, "currentId": members[-1].id}}}
        for one in members:
            if one.thumb:
                rows.append(
                    {
                        "id": f"f{one.id}",
                        "user_id": members[0].user,
                        "version": 0,
                        "type": "rating",
                        "data": {
                            "rating": one.thumb if start % 2 else str(one.thumb),
                            "model_id": "m",
                            "sibling_model_ids": None,
                            "reason": "",
                        },
                        "meta": {"arena": False, "chat_id": f"chat{start}", "message_id": one.id, "tags": []},
                        "snapshot": {"chat": chat},
                        "created_at": 1793520000 + int(one.id[1:]),
                        "updated_at": 1793520000 + int(one.id[1:]),
                    }
                )
    return listed(folder / "feedbacks.json", rows)


def openwebui_chats(log: Sequence[Shown], folder: Path) -> str:
    """All chats, with annotations in their messages."""
    rows = []
    for one in log:
        answer: dict[str, Any] = {"id": one.id, "role": "assistant", "content": one.response, "parentId": "q", "model": "m", "done": True}
        if one.thumb:
            answer["annotation"] = {"rating": one.thumb, "reason": "", "comment": ""}
        messages = {"q": {"id": "q", "role": "user", "content": one.prompt, "parentId": None, "childrenIds": [one.id]}, one.id: answer}
        chat = {"title": "t", "models": ["m"], "history": {"messages": messages, "currentId": one.id}}
        rows.append(
            {"id": one.session, "user_id": one.user, "title": "t", "chat": chat, "created_at": 1793520000, "updated_at": 1793520000}
        )
    return listed(folder / "chats.json", rows)


def librechat(log: Sequence[Shown], folder: Path) -> str:
    """Lines of mongoexport; every second answer keeps its text in parts."""
    rows = []
    for i, one in enumerate(log):
        common = {"conversationId": one.session, "user": one.user, "error": False, "unfinished": False, "createdAt": {"$date": one.time}}
        rows.append(
            {
                "messageId": f"q{i}",
                "parentMessageId": "00000000-0000-0000-0000-000000000000",
                "isCreatedByUser": True,
                "sender": "User",
                "text": one.prompt,
                **common,
            }
        )
        parts = [{"type": "think", "think": "Hm."}, {"type": "text", "text": one.response}]
        said = {"text": "", "content": parts} if i % 2 else {"text": one.response}
        rating = {1: "thumbsUp", -1: "thumbsDown"}.get(one.thumb)
        feedback = {"feedback": {"rating": rating, "tag": "accurate_reliable"}} if rating else {}
        rows.append(
            {
                "messageId": one.id,
                "parentMessageId": f"q{i}",
                "isCreatedByUser": False,
                "sender": "m",
                "model": "m",
                **said,
                **common,
                **feedback,
            }
        )
    return lines(folder / "messages.jsonl", rows)


def assistant_ui(log: Sequence[Shown], folder: Path) -> str:
    """Threads with their messages."""
    rows = []
    for one in log:
        metadata: dict[str, Any] = {"custom": {"userId": one.user}}
        if one.thumb:
            metadata["submittedFeedback"] = {"type": "positive" if one.thumb == 1 else "negative"}
        question = {
            "id": f"q{one.id}",
            "role": "user",
            "createdAt": one.time,
            "content": [{"type": "text", "text": one.prompt}],
            "metadata": {"custom": {}},
        }
        parts = [{"type": "reasoning", "text": "Hm."}, {"type": "text", "text": one.response}]
        answer = {"id": one.id, "role": "assistant", "createdAt": one.time, "content": parts, "metadata": metadata}
        rows.append({"threadId": one.session, "messages": [question, answer]})
    return listed(folder / "threads.json", rows)


def fastchat(log: Sequence[Shown], folder: Path) -> str:
    """A server's log: an event a chat, one a vote."""
    rows: Rows = []
    for one in log:
        state = {"conv_id": one.session, "offset": 0, "model_name": "m", "messages": [["USER", one.prompt], ["ASSISTANT", one.response]]}
        event = {"tstamp": 1793520000.5 + int(one.id[1:]), "model": "m", "state": state, "ip": one.user}
        rows.append({"type": "chat", **event})
        if one.thumb:
            rows.append({"type": "upvote" if one.thumb == 1 else "downvote", **event})
    return lines(folder / "conv.json", rows)


def anythingllm(log: Sequence[Shown], folder: Path) -> str:
    """A list of chats of workspaces."""
    rows = [
        {
            "id": i,
            "prompt": one.prompt,
            "response": one.response,
            "sent_at": one.time,
            "feedbackScore": {1: True, -1: False}.get(one.thumb),
            "username": one.user,
            "workspace": one.session,
        }
        for i, one in enumerate(log)
    ]
    return listed(folder / "chats.json", rows)


# ---- plain tables


def plain(log: Sequence[Shown]) -> Rows:
    """Native columns."""
    return [{"id": one.id, "prompt": one.prompt, "response": one.response, "user_id": one.user, "thumb": one.thumb} for one in log]


RENDER: dict[str, Callable[[Sequence[Shown], Path], str]] = {
    "langfuse": langfuse,
    "langfuse parquet": lambda log, folder: langfuse(log, folder, parquet, "parquet"),
    "langfuse csv": lambda log, folder: langfuse(log, folder, as_csv, "csv"),
    "langfuse legacy": langfuse_legacy,
    "langfuse v3": langfuse_v3,
    "langsmith": langsmith,
    "langsmith feedback": langsmith_feedback,
    "phoenix": phoenix,
    "phoenix frames": phoenix_frames,
    "helicone": helicone,
    "litellm": litellm,
    "openwebui-feedback": openwebui_feedback,
    "openwebui-chats": openwebui_chats,
    "librechat": librechat,
    "assistant-ui": assistant_ui,
    "fastchat": fastchat,
    "anythingllm": anythingllm,
}
"""Every product's export of the same log; the first word is the preset."""
