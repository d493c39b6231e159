"""FastChat: the log of a server, one event a line; a vote between two models is a comparison of two answers."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from probrm.data.products.answers import reading_of
from probrm.data.products.contents import dig, role_of
from probrm.data.products.product import Answer, Asked, Messages, Peek, Product, Reading
from probrm.data.products.records import records
from probrm.errors import DataError

_SINGLE = {"upvote": "up", "downvote": "down"}
_VOTES = {"leftvote": (1, 0), "rightvote": (0, 1), "tievote": (0, 0), "bothbad_vote": (0, 0)}


def _recognises(seen: Peek) -> bool:
    return _is_battle(seen.names) or (seen.has("tstamp", "type") and bool({"state", "states", "model", "models"} & seen.names))


def _is_battle(names: Collection[str]) -> bool:
    """Whether these are the columns of cleaned battles."""
    return {"model_a", "model_b", "winner", "conversation_a", "conversation_b"} <= set(names)


def read(source: str, asked: Asked) -> Reading:
    """Answers of chat events, with their votes; answers that stood side by side have a ``pair`` and were not offered a thumb.

    Raises:
        DataError: there are votes between models alone, which are pairs; what the reader of records says.
    """
    found: dict[tuple[str, int, str], Answer] = {}
    flagged, pairs, single, retried = 0, 0, 0, 0
    for row in records(source):
        if _is_battle(row.keys()):
            raise DataError(
                f"{source}: cleaned battles hold votes between two answers and nothing else; these are pairs and no log of actions",
                fix=f"fit a model of pairs: probrm fit bradley-terry --data {source}",
            )
        kind, user = str(row.get("type")), row.get("ip")
        if kind == "chat" or kind in _SINGLE:
            answer = _answer(row.get("state"), row, user)
            if answer is None:
                continue
            kept = found.setdefault(*answer)
            if kind in _SINGLE:
                retried += "thumb" in kept.feedback
                kept.feedback["thumb"] = _SINGLE[kind]
                single += 1
        elif kind in _VOTES:
            sides = [_answer(state, row, user) for state in row.get("states") or ()]
            if len(sides) != 2 or None in sides:
                continue
            pairs += 1
            for side, chosen in zip(sides, _VOTES[kind], strict=True):
                assert side is not None
                kept = found.setdefault(*side)
                if "pair" not in kept.more:
                    kept.more.update(pair=f"vote {pairs}", chosen=chosen)
                    kept.feedback["thumb"] = float("nan")  # not offered
        else:
            flagged += kind == "flag"
    if pairs and not single:
        raise DataError(
            f"{source}: it holds {pairs} votes between two answers, and no vote on a single one; these are pairs and no log of actions",
            fix=f"fit a model of pairs: probrm fit bradley-terry --data {source}",
        )
    _whole_pairs(found)
    notes = [f"{pairs} votes between two answers are read as comparisons of answers side by side"] if pairs else []
    if flagged:
        notes.append(f"left out: {flagged} flags, which report an answer and do not rate it")
    if retried:
        notes.append(f"feedback: {retried} votes change an earlier one; the last one counts")
    if any(answer.user for answer in found.values()):
        notes.append("users are IP addresses: people behind one address count as one")
    return reading_of(list(found.values()), asked, source, notes=notes, aliases={"type": "thumb"})


def _answer(state: Any, row: Mapping[str, Any], user: Any) -> tuple[tuple[str, int, str], Answer] | None:
    """The last answer of a state, by its chat, its place and its text; None where the assistant said nothing."""
    messages = [(role_of(one[0]), one[1]) for one in (dig(state, "messages") or ())[int(dig(state, "offset") or 0) :] if len(one) == 2]
    while messages and not (isinstance(messages[-1][1], str) and messages[-1][1].strip()):
        messages.pop()
    if not messages or messages[-1][0] != "assistant":
        return None
    chat, text = str(dig(state, "conv_id")), str(messages[-1][1])
    before: Messages = tuple(
        (role, content if isinstance(content, str) else str((content or [""])[0])) for role, content in messages[:-1] if content
    )
    answer = Answer(
        id=f"{chat}/{len(messages)}",
        prompt=before,
        response=text,
        user=None if user in (None, "") else str(user),
        session=chat,
        timestamp=str(row.get("tstamp")),
        more={"model": dig(state, "model_name") or row.get("model")},
    )
    return (chat, len(messages), text), answer


def _whole_pairs(found: Mapping[Any, Answer]) -> None:
    """A comparison of which one answer was voted on before in another has no second side: it is left out."""
    sides: dict[str, list[Answer]] = {}
    for answer in found.values():
        if "pair" in answer.more:
            sides.setdefault(answer.more["pair"], []).append(answer)
    for answers in sides.values():
        if len(answers) != 2 or answers[0].prompt != answers[1].prompt:
            for answer in answers:
                del answer.more["pair"], answer.more["chosen"]


FOUND = {"fastchat": Product("fastchat", "a FastChat log of events", _recognises, read)}
