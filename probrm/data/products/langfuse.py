"""Langfuse: the folder of a blob storage export, or observations with scores from the API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from probrm.data.exposures import Verdict
from probrm.data.products.answers import reading_of
from probrm.data.products.contents import dig, text_or_none
from probrm.data.products.langfuse_files import Export, read_export
from probrm.data.products.langfuse_scores import Score, scores_of
from probrm.data.products.outputs import answer_text, prompt_of
from probrm.data.products.product import Answer, Asked, Peek, Product, Reading
from probrm.errors import DataError

_TABLES = ("scores", "observations_v2", "observations", "traces")


def _recognises(seen: Peek) -> bool:
    if seen.inside:
        tables = {name.split("/")[0].split(".")[0] for name in seen.inside} | {name.split("/")[-1].split(".")[0] for name in seen.inside}
        return "scores" in tables and bool(tables & set(_TABLES[1:]))
    keys = seen.names | set(dig(seen.first, "data", 0) or {}) if seen.whole else seen.names
    scores = {"name", "value"} <= keys and bool({"trace_id", "traceId", "subject"} & keys) and bool({"data_type", "dataType"} & keys)
    return scores or {"trace_id", "is_root_observation"} <= keys


def read(source: str, asked: Asked) -> Reading:
    """One answer a trace: its root observation, or its last generation where the root has no output.

    Where a score names a generation below the root, every generation is an answer of its own.

    Raises:
        DataError: there are no texts, a file of the manifest is missing, or no score matches; what other readers say.
    """
    export = read_export(source, asked.feedback)
    scores, notes = scores_of(export.scores, asked.named)
    spans = _spans(export, source)
    if not any(span["output"] for span in spans):
        raise DataError(
            f"{source}: the observations have no texts (input and output)",
            fix="tick the field group io, and basic for users and sessions, in the settings of the blob storage export, and export again",
        )
    if not any(span["user"] for span in spans):
        notes.append("no observation names a user: the field group basic was not exported, or the application sends no user id")
    shown = _shown(spans, scores)
    answers = [_answer(span) for span in shown]
    notes = [*export.notes, *notes, *_join(scores, spans, shown, answers, source)]
    return reading_of(answers, asked, source, cause=_cause(export, scores), notes=notes, what="root observations")


def _spans(export: Export, source: str) -> list[dict[str, Any]]:
    """Observations, or the traces of a legacy export, in one form."""
    parents = {str(row["id"]): row for row in export.traces}
    found = []
    for row in export.observations:
        trace = parents.get(str(row.get("trace_id")), {})
        root = row.get("is_root_observation")
        found.append(
            {
                "id": str(row["id"]),
                "trace": str(row.get("trace_id")),
                "root": _true(root) if root is not None else not row.get("parent_observation_id"),
                "type": str(row.get("type") or "").upper(),
                "error": str(row.get("level") or "").upper() == "ERROR",
                "user": text_or_none(row.get("user_id") or trace.get("user_id")),
                "session": text_or_none(row.get("session_id") or trace.get("session_id")),
                "time": text_or_none(row.get("start_time")),
                "input": row.get("input"),
                "output": answer_text(row.get("output")),
                "more": {"environment": row.get("environment"), "model": row.get("provided_model_name") or row.get("model")},
            }
        )
    for name, row in parents.items():  # the legacy root
        if (row.get("output") is not None or not any(span["trace"] == name for span in found if not export.legacy)) and export.legacy:
            found.append(
                {
                    "id": f"trace {name}",
                    "trace": name,
                    "root": True,
                    "type": "TRACE",
                    "error": False,
                    "user": text_or_none(row.get("user_id")),
                    "session": text_or_none(row.get("session_id")),
                    "time": text_or_none(row.get("timestamp")),
                    "input": row.get("input"),
                    "output": answer_text(row.get("output")),
                    "more": {"environment": row.get("environment"), "model": None},
                }
            )
    if not found:
        raise DataError(
            f"{source}: there are scores, and no observations or traces that they are about",
            fix="export observations_v2 too, and name the folder of both",
        )
    return found


def _shown(spans: list[dict[str, Any]], scores: list[Score]) -> list[dict[str, Any]]:
    """The spans that a user saw."""
    fine = [span for span in spans if not span["error"]]
    generations = {span["id"] for span in fine if span["type"] == "GENERATION" and not span["root"] and span["output"].strip()}
    if any(score.observation in generations for score in scores):
        return [span for span in fine if span["type"] == "GENERATION" and span["output"].strip()]
    traces: dict[str, dict[str, Any]] = {}
    for span in sorted(fine, key=lambda span: span["time"] or ""):
        best = traces.get(span["trace"])
        usable = bool(span["output"].strip()) and (span["root"] or span["type"] == "GENERATION")
        if usable and (best is None or _rank(span) >= _rank(best)):
            traces[span["trace"]] = span
    place = {span["id"]: i for i, span in enumerate(spans)}
    return sorted(traces.values(), key=lambda span: place[span["id"]])


def _rank(span: Mapping[str, Any]) -> int:
    """A legacy trace goes before a root observation, and that before a generation."""
    return 2 if span["type"] == "TRACE" else 1 if span["root"] else 0


def _answer(span: Mapping[str, Any]) -> Answer:
    return Answer(
        id=span["id"].removeprefix("trace "),
        prompt=prompt_of(span["input"], span["output"]),
        response=span["output"],
        user=span["user"],
        session=span["session"],
        timestamp=span["time"],
        more=span["more"],
    )


def _join(scores: list[Score], spans: list[dict[str, Any]], shown: list[dict[str, Any]], answers: list[Answer], source: str) -> list[str]:
    """Scores to answers: by observation, else by trace, else by session."""
    by_id = {span["id"]: i for i, span in enumerate(shown)}
    by_trace: dict[str, list[int]] = {}
    by_session: dict[str, list[int]] = {}
    for i, span in enumerate(shown):
        by_trace.setdefault(span["trace"], []).append(i)
        by_session.setdefault(span["session"] or "", []).append(i)
    trace_of = {span["id"]: span["trace"] for span in spans}
    lost, spread = 0, 0
    for score in sorted(scores, key=lambda score: score.time):  # the last one counts
        if score.observation and score.observation in by_id:
            at = [by_id[score.observation]]
        elif score.observation and score.observation in trace_of:
            at = by_trace.get(trace_of[score.observation], [])
        elif score.trace:
            at = by_trace.get(score.trace, [])
        else:
            at = by_session.get(score.session, []) if score.session else []
            spread += len(at) > 1
        lost += not at
        for i in at:
            answers[i].feedback[score.name] = score.value
    if lost and lost == len(scores):
        raise DataError(
            f"{source}: none of the {lost} scores is about an observation that is there",
            fix="export scores and observations of the same project and time",
        )
    notes = [f"feedback: {lost} of {len(scores)} scores are about answers that are not in the export"] if lost else []
    if spread:
        notes.append(f"feedback: {spread} scores are about whole sessions; each counts for every answer of its session")
    return notes


def _cause(export: Export, scores: list[Score]) -> tuple[Verdict, str] | None:
    if export.cut:
        return "truncated", export.cut
    if scores and all(score.source == "ANNOTATION" for score in scores):
        return "annotators", "all scores were given in Langfuse's own annotation view"
    return None


def _true(value: Any) -> bool:
    return value is True or str(value).lower() in ("true", "1")


FOUND = {"langfuse": Product("langfuse", "a Langfuse export", _recognises, read)}
