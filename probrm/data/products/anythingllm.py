"""AnythingLLM: the export of workspace chats, one row an answer, with true, false or nothing as its feedback."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from probrm.data.products.answers import reading_of
from probrm.data.products.contents import parsed, text_of
from probrm.data.products.product import Answer, Asked, Peek, Product, Reading
from probrm.data.products.records import records

_NOBODY = ("n/a", "unknown user", "", "none", "null")
_RATINGS = {"good": True, "bad": False, "--": None, "": None}


def _recognises(seen: Peek) -> bool:
    return seen.has("prompt", "response", "workspace") and bool({"feedbackScore", "rating"} & seen.names) and "sent_at" in seen.names


def read(source: str, asked: Asked) -> Reading:
    """All answers; who is called n/a is nobody.

    Raises:
        DataError: as the reader of records and of feedback say.
    """
    answers = []
    for row in records(source):
        thumb = row.get("feedbackScore")
        if thumb is None and isinstance(row.get("rating"), str):
            thumb = _RATINGS.get(row["rating"].strip().lower(), row["rating"])
        elif thumb is None:
            thumb = row.get("rating")
        if isinstance(thumb, str):
            thumb = _RATINGS.get(thumb.strip().lower(), {"true": True, "false": False}.get(thumb.strip().lower(), thumb))
        if isinstance(thumb, int | float) and not isinstance(thumb, bool):
            thumb = bool(thumb) if thumb in (0, 1) else thumb
        user = row.get("username")
        prompt, response = str(row.get("prompt") or ""), _response(row.get("response"))
        answers.append(
            Answer(
                id=str(row.get("id", "")),
                prompt=(("user", prompt),) if prompt.strip() else (),
                response=response,
                user=None if user is None or str(user).lower() in _NOBODY else str(user),
                session=row.get("thread") or row.get("workspace"),
                timestamp=row.get("sent_at"),
                feedback={} if thumb is None else {"thumb": ("up" if thumb else "down") if isinstance(thumb, bool) else thumb},
                more={"workspace": row.get("workspace")},
            )
        )
    return reading_of(answers, asked, source, aliases={"feedbackScore": "thumb", "rating": "thumb"})


def _response(value: Any) -> str:
    """The text of an answer; the data base keeps it in an object with its sources."""
    inner = parsed(value)
    return text_of(inner if isinstance(inner, Mapping) and "text" in inner and {"sources", "type"} & set(inner) else value)


FOUND = {"anythingllm": Product("anythingllm", "an AnythingLLM chat export", _recognises, read)}
