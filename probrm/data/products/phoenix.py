"""Phoenix and OpenInference: spans as a dataframe or as the download of lines, and annotations of them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from probrm.data.products.answers import reading_of
from probrm.data.products.contents import chat_of, dig, mapping, text_or_none
from probrm.data.products.joining import Given, attached
from probrm.data.products.outputs import answer_text, prompt_of
from probrm.data.products.product import Answer, Asked, Peek, Product, Reading
from probrm.data.products.records import parted

_PAGE = 1000
_INLINE = re.compile(r"^(trace\.)?annotations\.(\d+)\.(?:annotation\.)?(name|annotator_kind|score|label)$")


def _recognises(seen: Peek) -> bool:
    if any("annotation" in name.lower() for name in seen.inside) and any("span" in name.lower() for name in seen.inside):
        return _is_span(seen.first, seen.names) or "annotation_name" in seen.names
    return _is_span(seen.first, seen.names)


def _is_span(first: Mapping[str, Any], names: frozenset[str]) -> bool:
    context = "context.span_id" in names or isinstance(dig(first, "context", "span_id"), str)
    return context and ("attributes" in names or any(name.startswith("attributes.") for name in names))


def read(source: str, asked: Asked) -> Reading:
    """One answer a trace: its root span, or its last LLM span where the root has no output.

    Raises:
        DataError: annotations that match no span; what the readers of records and feedback say.
    """
    rows, said = parted(source, "annotation", asked.feedback)
    annotations = [(str(row.get("span_id") or row.get("context.span_id")), _note(row)) for row in said]
    noted = {span for span, _ in annotations}
    shown: dict[str, Mapping[str, Any] | None] = {}
    inline: list[tuple[str, dict[str, Any]]] = []
    owner: dict[str, str] = {}
    count = 0
    for row in rows:  # of a trace, the span that is the answer so far: exports are larger than memory
        count += 1
        span = _span(row)
        trace = span["trace"]
        shown[trace] = _better(shown.get(trace), span)
        inline += [(trace, note) for note in _inline(span["attributes"])]
        if span["id"] in noted:
            owner[span["id"]] = trace
    answers = {trace: _answer(one) for trace, one in shown.items() if one is not None}
    outside = [(owner.get(span, ""), note) for span, note in annotations]
    given = [_given(trace, note) for trace, note in (*inline, *outside)]
    notes = attached(given, answers, asked, str(asked.feedback or source), what="annotations", place="span")
    page = count == _PAGE
    cause = ("truncated", f"there are exactly {_PAGE:,} spans, which is the default limit of get_spans_dataframe") if page else None
    return reading_of(list(answers.values()), asked, source, cause=cause, notes=notes, what="traces")  # type: ignore[arg-type]


def _span(row: Mapping[str, Any]) -> dict[str, Any]:
    attributes = dict(_flat("", mapping(row, "attributes")))
    attributes.update(
        {name.removeprefix("attributes."): value for name, value in row.items() if name.startswith("attributes.") and value is not None}
    )
    attributes = dict(_flat("", attributes))
    return {
        "id": str(row.get("context.span_id") or dig(row, "context", "span_id")),
        "trace": str(row.get("context.trace_id") or dig(row, "context", "trace_id")),
        "parent": row.get("parent_id"),
        "kind": str(row.get("span_kind") or attributes.get("openinference.span.kind") or "").upper(),
        "status": str(row.get("status_code") or "").upper(),
        "time": row.get("start_time"),
        "attributes": attributes,
    }


def _flat(name: str, value: Any) -> Any:
    """Nested mappings as dotted names."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _flat(f"{name}.{key}" if name else str(key), inner)
    elif value is not None:
        yield name, value


def _output(span: Mapping[str, Any]) -> str:
    attributes = span["attributes"]
    said = attributes.get("llm.output_messages") or _numbered(attributes, "llm.output_messages")
    return answer_text(attributes.get("output.value")) or answer_text([_message(one) for one in said or ()])


def _numbered(attributes: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """``llm.input_messages.0.message.role`` and the like as a list."""
    found: dict[int, dict[str, Any]] = {}
    for key, value in attributes.items():
        if key.startswith(f"{name}.") and (parts := key.removeprefix(f"{name}.").split(".", 1))[0].isdigit() and len(parts) == 2:
            found.setdefault(int(parts[0]), {})[parts[1]] = value
    return [found[i] for i in sorted(found)]


def _message(one: Any) -> dict[str, Any]:
    if not isinstance(one, Mapping):
        return {"role": "assistant", "content": one}
    inner = dig(one, "message") or one
    return {"role": inner.get("message.role") or inner.get("role"), "content": inner.get("message.content") or inner.get("content")}


def _better(best: Mapping[str, Any] | None, span: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Which of a trace's spans holds what a user saw: its first root, else its last call of a model."""
    if (best is not None and _is_root(best)) or span["status"] == "ERROR" or not _output(span).strip():
        return best
    return span if _is_root(span) or span["kind"] == "LLM" else best


def _is_root(span: Mapping[str, Any]) -> bool:
    return span["parent"] in (None, "") or span["parent"] != span["parent"]


def _answer(span: Mapping[str, Any]) -> Answer:
    attributes, response = span["attributes"], _output(span)
    asked = attributes.get("llm.input_messages") or _numbered(attributes, "llm.input_messages")
    prompt = chat_of([_message(one) for one in asked]) if asked else prompt_of(attributes.get("input.value"), response)
    return Answer(
        id=span["id"],
        prompt=prompt,
        response=response,
        user=text_or_none(attributes.get("user.id")),
        session=text_or_none(attributes.get("session.id")),
        timestamp=text_or_none(span["time"]),
        more={"model": attributes.get("llm.model_name")},
    )


def _inline(attributes: Mapping[str, Any]) -> list[dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for key, value in attributes.items():
        if match := _INLINE.match(key):
            found.setdefault(f"{match[1]}{match[2]}", {})[match[3]] = value
    return list(found.values())


def _note(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": row.get("annotation_name") or row.get("name"),
        "annotator_kind": row.get("annotator_kind"),
        "score": row.get("result.score") if row.get("result.score") is not None else dig(row, "result", "score"),
        "label": row.get("result.label") or dig(row, "result", "label"),
    }


def _given(trace: str, note: Mapping[str, Any]) -> Given:
    """An annotation: its score, else its label."""
    score = note.get("score")
    value = note.get("label") if score is None or score != score else score
    return Given(trace, str(note.get("name")), value, str(note.get("annotator_kind") or "HUMAN").upper() != "HUMAN")


FOUND = {"phoenix": Product("phoenix", "Phoenix spans", _recognises, read)}
