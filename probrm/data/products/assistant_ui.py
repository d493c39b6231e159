"""assistant-ui: dumps of threads, whose messages keep the feedback that was submitted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from probrm.data.products.answers import reading_of
from probrm.data.products.contents import dig, role_of, text_of
from probrm.data.products.product import Answer, Asked, Peek, Product, Reading
from probrm.data.products.records import records
from probrm.data.products.trees import Node, answers_in, contexts

_MARKS = {"submittedFeedback", "custom", "timing", "unstable_annotations", "unstable_data", "steps"}


def _is_message(value: Any) -> bool:
    """A message of a thread, of a repository's ``{parentId, message}``, or as the cloud keeps it."""
    if not isinstance(value, Mapping):
        return False
    if str(value.get("format", "")).startswith("aui/"):
        return True
    message = value.get("message")
    inner = message if isinstance(message, Mapping) else value
    metadata = dig(inner, "metadata")
    return "role" in inner and isinstance(dig(inner, "content"), list) and isinstance(metadata, Mapping) and bool(_MARKS & set(metadata))


def _recognises(seen: Peek) -> bool:
    return _is_message(seen.first) or any(_is_message(one) for one in (dig(seen.first, "messages") or [])[:4] if isinstance(one, Mapping))


def _nodes(messages: list[Any], thread: str) -> dict[str, Node]:
    """Messages by id; without parents, each replies to the one before it."""
    found: dict[str, Node] = {}
    last: str | None = None
    for number, row in enumerate(messages):
        inner = row.get("message") if isinstance(row.get("message"), Mapping) else row
        if str(row.get("format", "")).startswith("aui/"):
            inner = {"id": row.get("id"), "createdAt": row.get("created_at"), **(dig(row, "content") or {})}
        name = str(inner.get("id") or f"{thread}/{number}")
        parents = [row[key] for key in ("parentId", "parent_id") if key in row]
        found[name] = Node(name, parents[0] if parents else last, role_of(inner.get("role")), text_of(inner.get("content")), inner)
        last = name
    return found


def read(source: str, asked: Asked) -> Reading:
    """All messages of the assistant in all threads.

    Raises:
        DataError: as the readers of records and feedback say.
    """
    rows = list(records(source))
    threads: list[tuple[str, Any, list[Any]]] = []
    if rows and "messages" not in rows[0]:
        by_thread: dict[str, list[Any]] = {}
        for row in rows:
            by_thread.setdefault(str(row.get("threadId") or row.get("thread_id") or ""), []).append(row)
        threads = [(name, None, messages) for name, messages in by_thread.items()]
    else:
        threads = [
            (str(row.get("threadId") or row.get("id") or number), row.get("userId") or row.get("user_id"), list(dig(row, "messages") or []))
            for number, row in enumerate(rows)
        ]
    answers, taken = [], contexts(source)
    for thread, owner, messages in threads:
        for node, before in answers_in(_nodes(messages, thread), taken):
            feedback = dig(node.raw, "metadata", "submittedFeedback", "type")
            user = dig(node.raw, "metadata", "custom", "userId") or owner
            answers.append(
                Answer(
                    id=node.id if thread in ("", node.id) else f"{thread}/{node.id}",
                    prompt=before,
                    response=node.text,
                    user=None if user is None else str(user),
                    session=thread or None,
                    timestamp=node.raw.get("createdAt"),
                    feedback={} if feedback is None else {"thumb": feedback},
                )
            )
    aliases = {"metadata.submittedFeedback.type": "thumb", "submittedFeedback": "thumb"}
    return reading_of(answers, asked, source, aliases=aliases)


FOUND = {"assistant-ui": Product("assistant-ui", "a dump of assistant-ui threads", _recognises, read)}
