"""Argilla: records with the responses of annotators: ratings and labels as a log, rankings as pairs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from probrm.data.products.annotated import Given, answers_of, texts_of
from probrm.data.products.answers import reading_of
from probrm.data.products.comparisons import no_single_answers
from probrm.data.products.contents import dig
from probrm.data.products.product import Asked, Peek, Product, Reading
from probrm.data.products.records import records


def _recognises(seen: Peek) -> bool:
    nested = seen.has("fields", "responses") and isinstance(dig(seen.first, "fields"), Mapping)
    flat = any(name.endswith(".responses") and f"{name}.users" in seen.names for name in seen.names)
    return nested or flat


def read(source: str, asked: Asked) -> Reading:
    """A row for each annotator of a record; drafts and discarded responses are out.

    Raises:
        DataError: the records have several answers, which make pairs; what the readers of records and feedback say.
    """
    rows = list(records(source))
    given, notes = given_of(rows)
    no_single_answers(given, source)
    why = "responses are those of annotators"
    return reading_of(answers_of(given), asked, source, cause=("annotators", why), notes=notes, what="annotated records")


def given_of(rows: list[dict[str, Any]]) -> tuple[list[Given], list[str]]:
    """What each annotator submitted for each record, and what was left out."""
    found, out, empty = [], 0, 0
    for number, row in enumerate(rows):
        fields = dig(row, "fields") or {name: value for name, value in row.items() if "." not in name}
        name = str(row.get("id") or row.get("_server_id") or number)
        responses = list(_responses(row))
        empty += not responses
        for user, status, values in responses:
            if status != "submitted":
                out += 1
            elif values:
                found.append(Given(f"{name}/{user}", texts_of(fields), user, values, fields))
    notes = [f"dropped: {out} responses are drafts or discarded"] if out else []
    if empty:
        notes.append(f"dropped: {empty} of {len(rows)} records have no response yet")
    return found, notes


def _responses(row: Mapping[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Annotator, status and values, from each of the three forms of an export."""
    responses = dig(row, "responses")
    if isinstance(responses, list):  # a record of the server: one entry an annotator
        for one in responses:
            values = {name: dig(value, "value") for name, value in (dig(one, "values") or {}).items()}
            yield str(one.get("user_id")), str(one.get("status") or "submitted"), values
        return
    by_user: dict[str, tuple[str, dict[str, Any]]] = {}

    def add(user: Any, status: Any, question: str, value: Any) -> None:
        kept = by_user.setdefault(str(user), (str(status or "submitted"), {}))
        kept[1][question] = value

    if isinstance(responses, Mapping):  # to_json: one list a question
        for question, given in responses.items():
            for one in given or ():
                add(dig(one, "user_id"), dig(one, "status"), question, dig(one, "value"))
    else:  # to_datasets: columns q.responses, q.responses.users, q.responses.status
        for name in [name for name in row if name.endswith(".responses")]:
            given, users, status = dig(row, name) or [], dig(row, f"{name}.users") or [], dig(row, f"{name}.status") or []
            for i, value in enumerate(given):
                add(users[i] if i < len(users) else i, status[i] if i < len(status) else None, name.removesuffix(".responses"), value)
    for user, (status, values) in by_user.items():
        yield user, status, values


FOUND = {"argilla": Product("argilla", "an Argilla export", _recognises, read)}
