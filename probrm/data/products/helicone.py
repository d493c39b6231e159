"""Helicone: requests with their bodies; the rating of a request is the score ``helicone-score-feedback``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from probrm.data.products.answers import reading_of
from probrm.data.products.contents import chat_of, dig, mapping, parsed, text_or_none
from probrm.data.products.joining import joined
from probrm.data.products.outputs import answer_text
from probrm.data.products.product import Answer, Asked, Peek, Product, Reading
from probrm.data.products.records import records
from probrm.errors import DataError

_RATING = "helicone-score-feedback"


def _recognises(seen: Peek) -> bool:
    return "request_id" in seen.names and bool({"request_body", "request_created_at", "signed_body_url"} & seen.names)


def read(source: str, asked: Asked) -> Reading:
    """Every request that succeeded.

    Raises:
        DataError: the bodies are not in the rows; what the readers of records and feedback say.
    """
    answers, failed, bare = [], 0, 0
    rows = list(records(source))
    for row in rows:
        status = row.get("response_status")
        if status is not None and str(status) not in ("200", "200.0"):
            failed += 1
            continue
        body, reply = parsed(dig(row, "request_body")), parsed(dig(row, "response_body"))
        if not body and not reply:
            bare += 1
            continue
        properties = mapping(row, "request_properties") or mapping(row, "properties")
        answer = Answer(
            id=str(row["request_id"]),
            prompt=chat_of(body),
            response=answer_text(reply),
            user=text_or_none(row.get("request_user_id")),
            session=text_or_none(properties.get("Helicone-Session-Id") or properties.get("Session")),
            timestamp=text_or_none(row.get("request_created_at")),
            feedback=_feedback(row, asked),
            more={"model": row.get("request_model") or row.get("response_model"), **_properties(properties)},
        )
        answer.keys = {"request_id": str(row["request_id"])}
        answers.append(answer)
    if bare and not answers:
        raise DataError(
            f"{source}: its {bare} rows have no bodies (they lie behind signed_body_url), so there is no text to read",
            fix="fetch the bodies, or export with them: request_body and response_body in every row",
        )
    notes = [f"dropped: {failed} of {len(rows)} requests failed (response_status is not 200)"] if failed else []
    if bare:
        notes.append(f"dropped: {bare} of {len(rows)} requests have no bodies in the export")
    notes += joined(answers, asked, source)
    aliases = {f"scores.{_RATING}": "feedback", _RATING: "feedback", "feedback_rating": "feedback"}
    return reading_of(answers, asked, source, aliases=aliases, notes=notes)


def _feedback(row: Mapping[str, Any], asked: Asked) -> dict[str, Any]:
    """The rating; other scores where they are named."""
    scores = mapping(row, "scores")
    found: dict[str, Any] = {}
    for name, value in scores.items():
        value = value.get("value") if isinstance(value, Mapping) else value
        if name == _RATING:
            found["feedback"] = value
        elif name in asked.named:
            found[name] = value
    if row.get("feedback_rating") is not None:
        found.setdefault("feedback", row["feedback_rating"])
    return {
        name: ("up" if int(value) else "down") if name == "feedback" and value in (0, 1, True, False) else value
        for name, value in found.items()
        if value is not None
    }


def _properties(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: value
        for name, value in properties.items()
        if not name.lower().startswith("helicone-") and isinstance(value, str | int | float)
    }


FOUND = {"helicone": Product("helicone", "Helicone requests", _recognises, read)}
