"""Published files whose rows are neither pairs nor rated responses, made into such rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from probrm.data.columns.values import Cells, names
from probrm.data.files.hints import shown
from probrm.data.files.memory import Growing
from probrm.data.messages import UnknownForm, read_role
from probrm.data.pairs.nested import parsed
from probrm.data.products.trees import PER_MESSAGE, contexts
from probrm.errors import DataError

Message = dict[str, str]
Row = dict[str, Any]
Reshape = Callable[[pa.Table, str, list[str]], pa.Table]
"""Table, source and notes → the table that a form's columns are looked up in."""
_VOTES = {"leftvote": "model_a", "rightvote": "model_b", "tievote": "tie", "bothbad_vote": "tie (bothbad)"}


def read_kaggle(table: pa.Table, source: str, notes: list[str]) -> pa.Table:
    """The Arena's form at Kaggle: prompts and responses are JSON lists with a text a turn, which become whole chats; texts stay.

    Where most rows are lists, a text is a chat of one turn: a single row that is written otherwise leaves the others what they are.
    """
    columns = {name: table.column(name).to_pylist() for name in ("prompt", "response_a", "response_b")}
    lists = {name: [parsed(value) for value in values] for name, values in columns.items()}
    turned = [all(map(_is_turns, row)) for row in zip(*lists.values(), strict=True)]
    if 2 * sum(turned) <= len(turned):
        return table
    if others := len(turned) - sum(turned):
        notes.append(f"{others} of {len(turned)} rows are no lists with a text a turn: each is read as a chat of one turn")
    lists = {name: [value if isinstance(value, list) else [value] for value in values] for name, values in lists.items()}
    chats = {
        side: [_interleave(*turns) for turns in zip(lists["prompt"], lists[side], strict=True)] for side in ("response_a", "response_b")
    }
    kept = [name for name in table.column_names if name not in columns]
    return pa.table({**{name: table.column(name) for name in kept}, **{side: pa.array(values) for side, values in chats.items()}})


def _is_turns(value: Any) -> bool:
    """Whether this is a text a turn, and not a list of messages."""
    return isinstance(value, list) and all(turn is None or isinstance(turn, str) for turn in value)


def _interleave(prompts: list[Any], answers: list[Any]) -> list[Message]:
    turns = zip(prompts, answers, strict=False)
    return [message for prompt, answer in turns for message in (_message("user", prompt or ""), _message("assistant", answer or ""))]


def read_votes(table: pa.Table, source: str, notes: list[str]) -> pa.Table:
    """FastChat's log of events: its votes on two models. Other events are left out.

    Raises:
        DataError: there is no vote.
    """
    events = [
        row for row in table.select([n for n in ("type", "states", "ip") if n in table.column_names]).to_pylist() if row["type"] in _VOTES
    ]
    if not events:
        raise DataError(f"{source}: no event is a vote; allowed: {', '.join(_VOTES)}", fix="give the log of a battle between two models")
    if len(events) < table.num_rows:
        notes.append(f"left out: {table.num_rows - len(events)} of {table.num_rows} events are no votes; rows are counted among the votes")
    chats = [[_state_messages(state) for state in parsed(row["states"])] for row in events]
    return pa.table(
        {
            "conversation_a": pa.array([both[0] for both in chats]),
            "conversation_b": pa.array([both[1] for both in chats]),
            "winner": pa.array([_VOTES[row["type"]] for row in events]),
            **({"judge": pa.array([row["ip"] for row in events])} if "ip" in table.column_names else {}),
        }
    )


def _state_messages(state: Any) -> list[Message]:
    state = parsed(state)
    said = [parsed(message) for message in state["messages"]][int(state.get("offset") or 0) :]
    return [_message(message[0], message[1]) for message in said if message[1] is not None]


def read_pandalm(table: pa.Table, source: str, notes: list[str]) -> pa.Table:
    """PandaLM's test set: the choice of most annotators, a tie where no choice has most."""
    annotators = [name for name in table.column_names if name.startswith("annotator")]
    votes = zip(*(table.column(name).to_pylist() for name in annotators), strict=True)
    notes.append(f"the choice is that of most of {', '.join(annotators)}; where none has most, a tie")
    return table.append_column("majority of annotators", pa.array([_majority([v for v in row if v is not None]) for row in votes]))


def _majority(votes: list[Any]) -> str | None:
    counted = sorted((votes.count(vote), str(vote)) for vote in set(votes))
    if not counted:
        return None
    return "0" if len(counted) > 1 and counted[-1][0] == counted[-2][0] else counted[-1][1]


def read_trees(table: pa.Table, source: str, notes: list[str]) -> pa.Table:
    """OpenAssistant's trees: every reply of the assistant with the path that leads to it and its rank among its siblings, 0 the best."""
    return _ranked(tree_answers(table, source), source, notes)


def tree_answers(table: pa.Table, source: str) -> list[Row]:
    """Every reply of the assistant in trees, ranked or not."""
    taken = contexts(source)
    return [_counted(row, taken) for root in table.column("prompt").to_pylist() for row in _replies(parsed(root), [])]


def _counted(row: Row, taken: Growing) -> Row:
    taken.add(sum(PER_MESSAGE + len(str(message["content"])) for message in row["prompt"]))
    return row


def _replies(message: Any, path: list[Message]) -> Iterator[Row]:
    path = [*path, _message(message["role"], message["text"])]
    for reply in parsed(message.get("replies")) or ():
        if _is_answer(reply["role"]):
            yield {
                "prompt": path,
                "response": reply["text"],
                "rank": reply.get("rank"),
                "parent_id": message.get("message_id"),
                "message_id": reply.get("message_id"),
            }
        yield from _replies(reply, path)


def read_messages(table: pa.Table, source: str, notes: list[str]) -> pa.Table:
    """OpenAssistant's messages, one a row, which know their parents: as ``read_trees``."""
    rows = message_answers(table, source)
    said = sum(_is_answer(role) for role in table.column("role").to_pylist())
    if said and not rows:
        raise DataError(
            f"{source}: none of the {said} messages of the assistant replies to a message that is in the file",
            fix="keep the messages that they reply to: parent_id names a message_id",
        )
    if lost := said - len(rows):
        notes.append(f"left out: {lost} of {said} replies of the assistant, because the message before them is not in the file")
    return _ranked(rows, source, notes)


def message_answers(table: pa.Table, source: str) -> list[Row]:
    """Every message of the assistant whose parent is there, ranked or not.

    Raises:
        DataError: a message is among its own parents, or the chats before them take more memory than is free.
    """
    taken = contexts(source)
    places, fix = np.arange(table.num_rows), "write ids as text or whole numbers"
    for at, name in enumerate(table.column_names):
        if name in ("message_id", "parent_id"):  # a CSV may have text in one and numbers in the other
            ids = names(Cells.of(source, name, table.column(name), places), fix=fix)
            table = table.set_column(at, name, pa.array(ids, pa.string()))
    messages = {row["message_id"]: row for row in table.select(["message_id", "parent_id", "text", "role", "rank"]).to_pylist()}

    def path(key: str | None) -> list[Message]:
        found: list[Message] = []
        seen: set[str | None] = set()
        while key in messages:
            if key in seen:
                raise DataError(
                    f"{source}: the message {shown(key)} is among those that it replies to", fix="correct the parent_id of one of them"
                )
            seen.add(key)
            found.append(_message(messages[key]["role"], messages[key]["text"]))
            key = messages[key]["parent_id"]
        return found[::-1]

    return [
        _counted({"prompt": path(m["parent_id"]), "response": m["text"], **{k: m[k] for k in ("rank", "parent_id", "message_id")}}, taken)
        for m in messages.values()
        if _is_answer(m["role"]) and m["parent_id"] in messages
    ]


def _ranked(rows: list[Row], source: str, notes: list[str]) -> pa.Table:
    ranked = [row for row in rows if row["rank"] is not None]
    if not ranked:
        raise DataError(f"{source}: no reply has a rank", fix="use a file with ranked replies, such as the trees that are ready for export")
    notes.append(f"{len(ranked)} of {len(rows)} replies of the assistant have a rank; rows are counted among these")
    return pa.Table.from_pylist(ranked)


def read_prism(table: pa.Table, source: str, notes: list[str]) -> pa.Table:
    """PRISM's conversations: all scored answers of models to a turn, with the turns before as they were chosen."""
    rows = conversation_answers(table, source)
    notes.append(f"{len(rows)} answers in {table.num_rows} conversations; rows are counted among the answers")
    return pa.Table.from_pylist(rows)


def conversation_answers(table: pa.Table, source: str) -> list[Row]:
    """Every answer of a model in PRISM's conversations."""
    taken = contexts(source)
    rows: list[Row] = []
    ids = table.column("conversation_id").to_pylist()
    users = table.column("user_id").to_pylist() if "user_id" in table.column_names else [None] * len(ids)
    for name, user, history in zip(ids, users, table.column("conversation_history").to_pylist(), strict=True):
        path: list[Message] = []
        turns: dict[Any, list[Any]] = {}
        for message in parsed(history) or []:
            turns.setdefault(message["turn"], []).append(message)
        for turn in sorted(turns):
            path = [*path, *(_message("user", m["content"]) for m in turns[turn] if m["role"] == "user")]
            answers = [m for m in turns[turn] if m["role"] != "user"]
            rows += [
                _counted(
                    {"prompt": path, "response": m["content"], "score": m.get("score"), "group": f"{name}:{turn}", "user_id": user}, taken
                )
                for m in answers
            ]
            path = [*path, *(_message("assistant", m["content"]) for m in answers if m.get("if_chosen"))]
    return rows


def _message(role: Any, content: Any) -> Message:
    return {"role": str(role), "content": content}


def _is_answer(role: Any) -> bool:
    try:
        return read_role(role) == "assistant"
    except UnknownForm:
        return False


RESHAPES: Mapping[str, Reshape] = {
    "kaggle": read_kaggle,
    "votes": read_votes,
    "pandalm": read_pandalm,
    "trees": read_trees,
    "messages": read_messages,
    "prism": read_prism,
}
"""What ``Form.reshape`` can name."""

ANSWERS: Mapping[str, Callable[[pa.Table, str], list[Row]]] = {
    "oasst-trees": tree_answers,
    "oasst-messages": message_answers,
    "prism-conversations": conversation_answers,
}
"""Forms whose rows hold several answers with the turns that led to them → what gives all answers, one a row."""
