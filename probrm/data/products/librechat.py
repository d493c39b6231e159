"""LibreChat: the collection ``messages``, or an exported conversation; answers without feedback are in it too."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from probrm.data.products.answers import reading_of
from probrm.data.products.contents import dig, parsed, text_of
from probrm.data.products.product import Answer, Asked, Peek, Product, Reading
from probrm.data.products.records import records
from probrm.data.products.trees import Node, answers_in, contexts

_KEYS = ("messageId", "isCreatedByUser")


def _recognises(seen: Peek) -> bool:
    first = dig(seen.first, "messages", 0)
    return seen.has(*_KEYS) or (isinstance(first, Mapping) and set(_KEYS) <= set(first))


def _messages(rows: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Messages, also those of conversations that hold lists of them, nested as replies or not."""
    for row in rows:
        if "messageId" in row:
            yield row
        yield from _messages(row.get("messages") or [])
        yield from _messages(row.get("children") or [])


def read(source: str, asked: Asked) -> Reading:
    """All messages of the assistant; those that are errors are left out.

    Raises:
        DataError: as the reader of records and of feedback say.
    """
    nodes: dict[str, Node] = {}
    for row in _messages(records(source)):
        text = row.get("text") or text_of(parsed(row.get("content")))
        by_user = row.get("isCreatedByUser")
        by_user = by_user if isinstance(by_user, bool) else str(by_user).lower() in ("true", "1")
        nodes[str(row["messageId"])] = Node(
            str(row["messageId"]), row.get("parentMessageId"), "user" if by_user else "assistant", str(text or ""), row
        )
    answers, errors = [], 0
    for node, before in answers_in(nodes, contexts(source)):
        row = node.raw
        if row.get("error") in (True, "true", "True"):
            errors += 1
            continue
        rating, tag = dig(row, "feedback", "rating"), dig(row, "feedback", "tag")
        rating = rating or row.get("feedback.rating")  # as mongoexport writes a CSV
        answers.append(
            Answer(
                id=node.id,
                prompt=before,
                response=node.text,
                user=_plain(row.get("user")),
                session=row.get("conversationId"),
                timestamp=dig(row, "createdAt", "$date") or (row.get("createdAt") if isinstance(row.get("createdAt"), str) else None),
                feedback={} if not rating else {"thumb": rating},
                more={"model": row.get("model"), "endpoint": row.get("endpoint"), "feedback_tag": dig(tag, "key") or tag},
            )
        )
    notes = [f"dropped: {errors} answers that are error messages"] if errors else []
    return reading_of(answers, asked, source, aliases={"feedback.rating": "thumb", "feedback": "thumb"}, notes=notes)


def _plain(value: Any) -> str | None:
    found = dig(value, "$oid") or value
    return None if found is None else str(found)


FOUND = {"librechat": Product("librechat", "LibreChat messages", _recognises, read)}
