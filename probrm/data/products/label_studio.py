"""Label Studio: tasks with the annotations of those who completed them: ratings and choices as a log, ``Pairwise`` as pairs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from probrm.data.products.annotated import Given, answers_of, texts_of
from probrm.data.products.answers import reading_of
from probrm.data.products.comparisons import no_single_answers
from probrm.data.products.contents import dig
from probrm.data.products.product import Asked, Peek, Product, Reading
from probrm.data.products.records import records


def _recognises(seen: Peek) -> bool:
    full = seen.has("data", "annotations") and isinstance(dig(seen.first, "annotations"), list)
    return full or seen.has("annotation_id", "annotator", "lead_time")


def read(source: str, asked: Asked) -> Reading:
    """A row for each annotation; cancelled ones are dropped, drafts and predictions are not read.

    Raises:
        DataError: the tasks have several answers, which make pairs; what the readers of records and feedback say.
    """
    given, notes = given_of(list(records(source)))
    no_single_answers(given, source)
    why = "annotations are those of annotators (completed_by)"
    return reading_of(answers_of(given), asked, source, cause=("annotators", why), notes=notes, what="annotations")


def given_of(rows: list[dict[str, Any]]) -> tuple[list[Given], list[str]]:
    """What each annotator said of each task, and what was left out."""
    found, cancelled, empty = [], 0, 0
    for number, row in enumerate(rows):
        task = str(row.get("id", number))
        if "annotations" not in row:  # JSON_MIN: an annotation a row, its controls are columns
            inner = {name: value for name, value in row.items() if name not in _OWN}
            fields = texts_of(inner)
            values = {name: _value(value) for name, value in inner.items() if name not in fields.used}
            found.append(Given(f"{task}/{row.get('annotation_id')}", fields, str(row.get("annotator")), values, inner))
            continue
        data = dig(row, "data") or {}
        annotations = dig(row, "annotations") or []
        empty += not annotations
        for one in annotations:
            if one.get("was_cancelled") in (True, "true"):
                cancelled += 1
                continue
            user = one.get("completed_by")
            user = dig(user, "email") or dig(user, "id") or user if isinstance(user, Mapping) else user
            values = {str(region.get("from_name")): _value(dig(region, "value")) for region in dig(one, "result") or ()}
            values = {name: value for name, value in values.items() if value is not None}
            if values:
                more = {**data, "lead_time": one.get("lead_time")}
                found.append(Given(f"{task}/{one.get('id', user)}", texts_of(data), None if user is None else str(user), values, more))
    notes = [f"dropped: {cancelled} annotations were cancelled"] if cancelled else []
    if empty:
        notes.append(f"dropped: {empty} of {len(rows)} tasks have no annotation yet")
    return found, notes


_OWN = ("id", "annotation_id", "annotator", "created_at", "updated_at", "lead_time", "agreement")


def _value(value: Any) -> Any:
    """The value of one region: a rating, the chosen side, a single choice, a number."""
    if not isinstance(value, Mapping):
        return value
    for key in ("rating", "selected", "number"):
        if key in value:
            return value[key]
    choices = value.get("choices")
    return choices[0] if isinstance(choices, list) and len(choices) == 1 else choices


FOUND = {"label-studio": Product("label-studio", "a Label Studio export", _recognises, read)}
