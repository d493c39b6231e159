"""The spans of a Langfuse export that may be what a user saw. Of the others, most of a large export, nothing is kept."""

from __future__ import annotations

import sys
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from probrm.data.products.contents import text_or_none
from probrm.data.products.langfuse_files import Export
from probrm.data.products.outputs import answer_text
from probrm.errors import DataError


@dataclass(frozen=True, slots=True)
class Span:
    """An observation, or a trace of a legacy export (``kind`` is then TRACE), with an output and without an error."""

    id: str
    trace: str
    root: bool
    kind: str
    user: str | None
    session: str | None
    time: str | None
    input: Any
    output: str
    environment: Any
    model: Any


@dataclass
class Spans:
    """What was found.

    Attributes:
        every: whether each span is kept, or of each trace the one that its user saw: a legacy trace goes before a root observation, that
            before a generation, and the last of these counts.
        found: the spans, by id or by trace.
        traces: of the observations that scores name, the trace.
        below: whether scores name generations below a root.
        texts: whether any root or generation has an output.
        users: whether any of them names a user.
    """

    every: bool = False
    found: dict[str, Span] = field(default_factory=dict)
    traces: dict[str, str] = field(default_factory=dict)
    below: bool = False
    texts: bool = False
    users: bool = False

    def add(self, span: Span, *, error: bool) -> None:
        """The last of one id counts, also where it is none that a user saw."""
        self.texts |= bool(span.output)
        self.users |= span.user is not None
        key = span.id if self.every else span.trace
        old = self.found.get(key)
        if error or not span.output.strip():
            if old is not None and old.id == span.id:
                del self.found[key]
            return
        self.below |= span.id in self.traces and span.kind == "GENERATION" and not span.root
        if old is None or old.id == span.id or _rank(span) >= _rank(old):
            self.found[key] = span


def _rank(span: Span) -> tuple[int, str]:
    return 2 if span.kind == "TRACE" else 1 if span.root else 0, span.time or ""


def read_spans(export: Export, named: Collection[str], source: str, *, every: bool = False) -> Spans:
    """Observations, or the traces of a legacy export, in one form.

    Args:
        export: the tables.
        named: ids of observations that scores are about.
        every: whether each root and generation is kept.
        source: the export, for messages.

    Raises:
        DataError: there are none; what the reader of records says.
    """
    found, traces = Spans(every), {str(row["id"]): row for row in export.rows("traces")}
    enriched = _observations(export, "observations_v2", traces, named, found)
    legacy = not enriched and _observations(export, "observations", traces, named, found)
    if not enriched:
        for name, row in traces.items():
            found.add(_span(row, {}, id=f"trace {name}", trace=name, root=True, kind="TRACE", time=row.get("timestamp")), error=False)
    if not (enriched or legacy or traces):
        raise DataError(
            f"{source}: there are scores, and no observations or traces that they are about",
            fix="export observations_v2 too, and name the folder of both",
        )
    return found


def _observations(export: Export, table: str, traces: Mapping[str, Mapping[str, Any]], named: Collection[str], found: Spans) -> bool:
    """Adds a table's spans; whether it has any."""
    there = False
    for row in export.rows(table):
        there, name, trace, root = True, str(row["id"]), str(row.get("trace_id")), row.get("is_root_observation")
        if name in named:
            found.traces[name] = trace
        is_root = _true(root) if root is not None else not row.get("parent_observation_id")
        kind = sys.intern(str(row.get("type") or "").upper())
        if is_root or kind == "GENERATION":
            span = _span(row, traces.get(trace, {}), id=name, trace=trace, root=is_root, kind=kind, time=row.get("start_time"))
            found.add(span, error=str(row.get("level") or "").upper() == "ERROR")
    return there


def _span(row: Mapping[str, Any], of: Mapping[str, Any], *, id: str, trace: str, root: bool, kind: str, time: Any) -> Span:
    environment, model = row.get("environment"), row.get("provided_model_name") or row.get("model")
    return Span(
        id=id,
        trace=trace,
        root=root,
        kind=kind,
        user=text_or_none(row.get("user_id") or of.get("user_id")),
        session=text_or_none(row.get("session_id") or of.get("session_id")),
        time=text_or_none(time),
        input=row.get("input"),
        output=answer_text(row.get("output")),
        environment=sys.intern(environment) if isinstance(environment, str) else environment,
        model=sys.intern(model) if isinstance(model, str) else model,
    )


def _true(value: Any) -> bool:
    return value is True or str(value).lower() in ("true", "1")
