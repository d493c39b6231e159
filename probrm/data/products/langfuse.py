"""Langfuse: the folder of a blob storage export, or observations with scores from the API."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from probrm.data.exposures import Verdict
from probrm.data.products.answers import reading_of
from probrm.data.products.contents import dig
from probrm.data.products.langfuse_files import Export, open_export
from probrm.data.products.langfuse_scores import Score, scores_of
from probrm.data.products.langfuse_spans import Span, read_spans
from probrm.data.products.outputs import prompt_of
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
    answers, cause, notes = _read(source, asked)
    return reading_of(answers, asked, source, cause=cause, notes=notes, what="root observations")


def _read(source: str, asked: Asked) -> tuple[list[Answer], tuple[Verdict, str] | None, list[str]]:
    """Answers with their feedback, what is the matter with the exposures, and notes."""
    export = open_export(source, asked.feedback)
    scores, notes = scores_of(export.rows("scores"), asked.named)
    named = {score.observation for score in scores if score.observation}
    spans = read_spans(export, named, source)
    if not spans.texts:
        raise DataError(
            f"{source}: the observations have no texts (input and output)",
            fix="tick the field group io, and basic for users and sessions, in the settings of the blob storage export, and export again",
        )
    if not spans.users:
        notes.append("no observation names a user: the field group basic was not exported, or the application sends no user id")
    notes = [*export.notes, *notes]
    if spans.below:  # then every generation is an answer: read again, since most exports need one span a trace
        spans = read_spans(export, named, source, every=True)
        spans.found = {name: span for name, span in spans.found.items() if span.kind == "GENERATION"}
    shown = list(spans.found.values())
    answers = [_answer(span) for span in shown]
    notes += _join(scores, spans.traces, shown, answers, source)
    return answers, _cause(export, scores), notes


def _answer(span: Span) -> Answer:
    return Answer(
        id=span.id.removeprefix("trace "),
        prompt=prompt_of(span.input, span.output),
        response=span.output,
        user=span.user,
        session=span.session,
        timestamp=span.time,
        more={"environment": span.environment, "model": span.model},
    )


def _join(scores: Sequence[Score], traces: Mapping[str, str], shown: Sequence[Span], answers: Sequence[Answer], source: str) -> list[str]:
    """Scores to answers: by observation, else by trace, else by session."""
    by_id = {span.id: i for i, span in enumerate(shown)}
    by_trace: dict[str, list[int]] = {}
    by_session: dict[str, list[int]] = {}
    for i, span in enumerate(shown):
        by_trace.setdefault(span.trace, []).append(i)
        by_session.setdefault(span.session or "", []).append(i)
    lost, spread = 0, 0
    for score in sorted(scores, key=lambda score: score.time):  # the last one counts
        if score.observation and score.observation in by_id:
            at = [by_id[score.observation]]
        elif score.observation and score.observation in traces:
            at = by_trace.get(traces[score.observation], [])
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


FOUND = {"langfuse": Product("langfuse", "a Langfuse export", _recognises, read)}
