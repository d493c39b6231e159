"""Chat applications: Open WebUI, LibreChat, assistant-ui, FastChat, AnythingLLM."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.products.log import Rows, Shown, lines, listed


def openwebui_feedback(log: Sequence[Shown], folder: Path) -> str:
    """Ratings with snapshots of their chats: so that all answers are in it, three neighbours share a chat."""
    rows = []
    for start in range(0, len(log), 3):
        members = log[start : start + 3]
        messages: dict[str, Any] = {}
        for one in members:
            messages[f"q{one.id}"] = {"id": f"q{one.id}", "role": "user", "content": one.prompt, "parentId": None, "childrenIds": [one.id]}
            messages[one.id] = {"id": one.id, "role": "assistant", "content": one.response, "parentId": f"q{one.id}", "model": "m"}
        chat = {"id": f"chat{start}", "chat": {"history": {"messages": messages, "currentId": members[-1].id}}}
        for one in members:
            if one.thumb:
                rows.append(
                    {
                        "id": f"f{one.id}",
                        "user_id": members[0].user,
                        "version": 0,
                        "type": "rating",
                        "data": {
                            "rating": one.thumb if start % 2 else str(one.thumb),
                            "model_id": "m",
                            "sibling_model_ids": None,
                            "reason": "",
                        },
                        "meta": {"arena": False, "chat_id": f"chat{start}", "message_id": one.id, "tags": []},
                        "snapshot": {"chat": chat},
                        "created_at": 1793520000 + int(one.id[1:]),
                        "updated_at": 1793520000 + int(one.id[1:]),
                    }
                )
    return listed(folder / "feedbacks.json", rows)


def openwebui_chats(log: Sequence[Shown], folder: Path) -> str:
    """All chats, with annotations in their messages."""
    rows = []
    for one in log:
        answer: dict[str, Any] = {"id": one.id, "role": "assistant", "content": one.response, "parentId": "q", "model": "m", "done": True}
        if one.thumb:
            answer["annotation"] = {"rating": one.thumb, "reason": "", "comment": ""}
        messages = {"q": {"id": "q", "role": "user", "content": one.prompt, "parentId": None, "childrenIds": [one.id]}, one.id: answer}
        chat = {"title": "t", "models": ["m"], "history": {"messages": messages, "currentId": one.id}}
        rows.append(
            {"id": one.session, "user_id": one.user, "title": "t", "chat": chat, "created_at": 1793520000, "updated_at": 1793520000}
        )
    return listed(folder / "chats.json", rows)


def librechat(log: Sequence[Shown], folder: Path) -> str:
    """Lines of mongoexport; every second answer keeps its text in parts."""
    rows = []
    for i, one in enumerate(log):
        common = {"conversationId": one.session, "user": one.user, "error": False, "unfinished": False, "createdAt": {"$date": one.time}}
        rows.append(
            {
                "messageId": f"q{i}",
                "parentMessageId": "00000000-0000-0000-0000-000000000000",
                "isCreatedByUser": True,
                "sender": "User",
                "text": one.prompt,
                **common,
            }
        )
        parts = [{"type": "think", "think": "Hm."}, {"type": "text", "text": one.response}]
        said = {"text": "", "content": parts} if i % 2 else {"text": one.response}
        rating = {1: "thumbsUp", -1: "thumbsDown"}.get(one.thumb)
        feedback = {"feedback": {"rating": rating, "tag": "accurate_reliable"}} if rating else {}
        rows.append(
            {
                "messageId": one.id,
                "parentMessageId": f"q{i}",
                "isCreatedByUser": False,
                "sender": "m",
                "model": "m",
                **said,
                **common,
                **feedback,
            }
        )
    return lines(folder / "messages.jsonl", rows)


def assistant_ui(log: Sequence[Shown], folder: Path) -> str:
    """Threads with their messages."""
    rows = []
    for one in log:
        metadata: dict[str, Any] = {"custom": {"userId": one.user}}
        if one.thumb:
            metadata["submittedFeedback"] = {"type": "positive" if one.thumb == 1 else "negative"}
        question = {
            "id": f"q{one.id}",
            "role": "user",
            "createdAt": one.time,
            "content": [{"type": "text", "text": one.prompt}],
            "metadata": {"custom": {}},
        }
        parts = [{"type": "reasoning", "text": "Hm."}, {"type": "text", "text": one.response}]
        answer = {"id": one.id, "role": "assistant", "createdAt": one.time, "content": parts, "metadata": metadata}
        rows.append({"threadId": one.session, "messages": [question, answer]})
    return listed(folder / "threads.json", rows)


def fastchat(log: Sequence[Shown], folder: Path) -> str:
    """A server's log: an event a chat, one a vote."""
    rows: Rows = []
    for one in log:
        state = {"conv_id": one.session, "offset": 0, "model_name": "m", "messages": [["USER", one.prompt], ["ASSISTANT", one.response]]}
        event = {"tstamp": 1793520000.5 + int(one.id[1:]), "model": "m", "state": state, "ip": one.user}
        rows.append({"type": "chat", **event})
        if one.thumb:
            rows.append({"type": "upvote" if one.thumb == 1 else "downvote", **event})
    return lines(folder / "conv.json", rows)


def anythingllm(log: Sequence[Shown], folder: Path) -> str:
    """A list of chats of workspaces."""
    rows = [
        {
            "id": i,
            "prompt": one.prompt,
            "response": one.response,
            "sent_at": one.time,
            "feedbackScore": {1: True, -1: False}.get(one.thumb),
            "username": one.user,
            "workspace": one.session,
        }
        for i, one in enumerate(log)
    ]
    return listed(folder / "chats.json", rows)
