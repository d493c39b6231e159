"""Open WebUI: the export of feedback, which holds rated chats alone, and the export of all chats."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from probrm.data.products.answers import reading_of
from probrm.data.products.contents import dig, mapping, text_of
from probrm.data.products.product import Answer, Asked, Peek, Product, Reading
from probrm.data.products.records import records
from probrm.data.products.trees import Node, answers_in, contexts
from probrm.errors import DataError

_ALIASES = {"data.rating": "thumb", "rating": "thumb", "annotation.rating": "thumb"}


def _is_feedback(seen: Peek) -> bool:
    return seen.has("data", "snapshot", "meta") and bool(mapping(seen.first, "data"))


def _is_chats(seen: Peek) -> bool:
    return "chat" in seen.names and bool(mapping(seen.first, "chat", "history"))


def _nodes(chat: Any) -> dict[str, Node]:
    """The tree of one chat."""
    found: dict[str, Node] = {}
    for key, message in mapping(chat, "history", "messages").items():
        if isinstance(message, Mapping):
            role = str(message.get("role") or "assistant").lower()
            found[str(key)] = Node(str(key), message.get("parentId"), role, text_of(message.get("content")), message)
    return found


def _answer(node: Node, before: Any, chat_id: str, user: Any) -> Answer:
    rating = dig(node.raw, "annotation", "rating")
    return Answer(
        id=f"{chat_id}/{node.id}",
        prompt=before,
        response=node.text,
        user=None if user is None else str(user),
        session=chat_id,
        timestamp=node.raw.get("timestamp"),
        feedback={} if _none(rating) else {"thumb": rating},
        more={"model": node.raw.get("model")},
    )


def _none(rating: Any) -> bool:
    return rating is None or rating == "" or str(rating) == "0"


def read_feedback(source: str, asked: Asked) -> Reading:
    """Rated answers, and the other answers of the same chats; ratings among several models are choices, and errors no answers: both are out.

    Raises:
        DataError: a rating whose message is in no snapshot, in all rows; what the readers of records and feedback say.
    """
    found: dict[str, Answer] = {}
    compared, lost, aside = 0, 0, set()
    rows = sorted(
        records(source), key=lambda row: row.get("updated_at") or row.get("created_at") or 0
    )  # the last rating of an answer counts
    for row in rows:
        chat_id, message = (
            str(dig(row, "meta", "chat_id") or dig(row, "snapshot", "chat", "id") or row.get("id")),
            str(dig(row, "meta", "message_id")),
        )
        chat = dig(row, "snapshot", "chat", "chat") or dig(row, "snapshot", "chat")
        nodes = _nodes(chat)
        for node, before in answers_in(nodes, contexts(source)):
            answer = _answer(node, before, chat_id, row.get("user_id"))
            found.setdefault(answer.id, answer).feedback.update(answer.feedback)
            if node.raw.get("error"):
                aside.add(answer.id)
        key = f"{chat_id}/{message}"
        if dig(row, "meta", "arena") is True or dig(row, "data", "sibling_model_ids"):
            compared += 1
            beside = nodes[message].parent if message in nodes else None
            aside |= {key, *(f"{chat_id}/{name}" for name, node in nodes.items() if beside is not None and node.parent == beside)}
        elif key not in found:
            lost += 1
        elif not _none(rating := dig(row, "data", "rating")):
            found[key].feedback["thumb"] = rating
    answers = [answer for key, answer in found.items() if key not in aside]
    if lost and lost == len(rows) - compared:
        raise DataError(
            f"{source}: none of the {lost} rated messages is in its snapshot", fix="export all chats instead, and read that file"
        )
    notes = (
        [f"left out: {compared} ratings given to one of several models side by side, which are choices and no thumbs"] if compared else []
    )
    if lost:
        notes.append(f"dropped: {lost} of {len(rows)} ratings, whose message is not in the snapshot of its chat")
    why = "the export holds chats with a rating alone"
    return reading_of(answers, asked, source, aliases=_ALIASES, cause=("selected", why), notes=notes)


def read_chats(source: str, asked: Asked) -> Reading:
    """All answers of all chats.

    Raises:
        DataError: as the readers of records and feedback say.
    """
    answers, taken = [], contexts(source)
    for row in records(source):
        for node, before in answers_in(_nodes(dig(row, "chat")), taken):
            if node.raw.get("error"):
                continue
            answers.append(_answer(node, before, str(row.get("id")), row.get("user_id")))
    return reading_of(answers, asked, source, aliases=_ALIASES)


FOUND = {
    "openwebui-feedback": Product("openwebui-feedback", "an Open WebUI feedback export", _is_feedback, read_feedback),
    "openwebui-chats": Product("openwebui-chats", "an Open WebUI export of chats", _is_chats, read_chats),
}
