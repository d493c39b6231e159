"""LangSmith: runs, and feedback in the runs' own statistics or in rows of another file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from probrm.data.products.answers import reading_of
from probrm.data.products.contents import dig, mapping, text_or_none
from probrm.data.products.joining import Given, attached
from probrm.data.products.outputs import answer_text, prompt_of
from probrm.data.products.product import Answer, Asked, Peek, Product, Reading
from probrm.data.products.records import parted

_PAGE = 100
_JUDGES = ("model", "auto_eval", "evaluator")
"""Sources of feedback that are programs."""
_SESSION = ("thread_id", "session_id", "conversation_id")


def _recognises(seen: Peek) -> bool:
    if any("feedback" in name.lower() for name in seen.inside) and any("run" in name.lower() for name in seen.inside):
        return seen.has("run_id", "key", "score") or seen.has("id", "inputs", "outputs")
    return seen.has("id", "inputs", "outputs") and bool({"run_type", "dotted_order", "feedback_stats"} & seen.names)


def read(source: str, asked: Asked) -> Reading:
    """Root runs; feedback on a run below counts for its root.

    Raises:
        DataError: feedback that matches no run; what the readers of records and feedback say.
    """
    runs, feedback = parted(source, "feedback", asked.feedback)
    rows = list(feedback)
    rated = {str(row.get("run_id")) for row in rows}
    root: dict[str, str] = {}
    answers: dict[str, Answer] = {}
    count, failed, mixed = 0, 0, 0
    for run in runs:
        count += 1
        name = str(run["id"])
        trace = str(run.get("trace_id") or name)
        if name in rated:
            root[name] = trace
        if text_or_none(run.get("parent_run_id")) is not None:
            continue
        if run.get("error") or str(run.get("status") or "success") not in ("success", "completed"):
            failed += 1
            continue
        answers[trace], torn = _answer(run)
        mixed += torn
    notes = [f"dropped: {failed} root runs failed"] if failed else []
    if mixed:
        notes.append(
            f"feedback: {mixed} runs have several ratings that disagree; the share of ratings above one half decides, a tie is none"
        )
    if rows:
        notes += _add(rows, root, answers, asked, str(asked.feedback or source))
    aliases = {f"feedback_stats.{name}{end}": name for answer in answers.values() for name in answer.feedback for end in ("", ".avg")}
    page = count == _PAGE
    cause = ("truncated", f"the file has exactly {_PAGE} runs, which is the API's page size") if page else None
    return reading_of(list(answers.values()), asked, source, aliases=aliases, cause=cause, notes=notes, what="root runs")  # type: ignore[arg-type]


def _answer(run: Mapping[str, Any]) -> tuple[Answer, int]:
    metadata = mapping(run, "extra", "metadata") or mapping(run, "metadata")
    response = answer_text(run.get("outputs"))
    feedback, torn = {}, 0
    for name, stats in mapping(run, "feedback_stats").items():
        mean, count = dig(stats, "avg"), dig(stats, "n") or 0
        if mean is None or not count:
            continue
        if count > 1 and 0 < float(mean) < 1:
            torn += 1
            mean = None if float(mean) == 0.5 else float(float(mean) > 0.5)
        if mean is not None:
            feedback[str(name)] = float(mean)
    answer = Answer(
        id=str(run["id"]),
        prompt=prompt_of(run.get("inputs"), response),
        response=response,
        user=text_or_none(metadata.get("user_id") or metadata.get("userId")),
        session=text_or_none(next((metadata[key] for key in _SESSION if metadata.get(key)), None)),
        timestamp=text_or_none(run.get("start_time")),
        feedback=feedback,
        more={"name": run.get("name")},
    )
    return answer, torn


def _add(rows: list[dict[str, Any]], root: Mapping[str, str], answers: dict[str, Answer], asked: Asked, source: str) -> list[str]:
    """Rows of feedback instead of the statistics of the same key."""
    named = {str(row.get("key")) for row in rows}
    for answer in answers.values():
        answer.feedback = {name: value for name, value in answer.feedback.items() if name not in named}
    given = [
        Given(
            text_or_none(row.get("trace_id")) or root.get(str(row.get("run_id")), str(row.get("run_id"))),
            str(row.get("key")),
            row.get("score") if row.get("score") is not None else row.get("value"),
            str(dig(row, "feedback_source", "type") or "") in _JUDGES,
        )
        for row in rows
    ]
    return attached(given, answers, asked, source, what="rows of feedback", place="run")


FOUND = {"langsmith": Product("langsmith", "LangSmith runs", _recognises, read)}
