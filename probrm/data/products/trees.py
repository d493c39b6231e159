"""Chats kept as a tree of messages: which of them are answers, and what was said before each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from probrm.data.files.memory import Growing
from probrm.data.products.product import Messages

PER_MESSAGE = 100
"""Bytes of a message beside its text, in the object that it becomes on its way into a table."""


@dataclass
class Node:
    """One message: its parent is the id of the message that it replies to; ``raw`` is the record it comes from."""

    id: str
    parent: str | None
    role: str
    text: str
    raw: Mapping[str, Any] = field(default_factory=dict)


def contexts(source: str) -> Growing:
    """What the chats before all answers take: in a long chat each answer has all messages before it in its prompt."""
    return Growing(source, "the chats before its answers take {} or more")


def answers_in(nodes: Mapping[str, Node], taken: Growing) -> Iterator[tuple[Node, Messages]]:
    """The assistant's messages, each with the chat before it, in their order; a chain that bites its tail ends there.

    Raises:
        DataError: the chats before them take more memory than is free.
    """
    known: dict[str, tuple[Messages, int]] = {}
    """Before an answer: the chat, and what it takes."""
    for node in nodes.values():
        if node.role != "assistant":
            continue
        path: list[str] = []
        seen, parent = {node.id}, node.parent
        while parent is not None and parent in nodes and parent not in seen:
            seen.add(parent)
            path.append(parent)
            if parent in known:
                break
            parent = nodes[parent].parent
        before, size = known.get(path[-1], ((), 0)) if path else ((), 0)
        said = [nodes[name] for name in reversed(path) if nodes[name].text.strip()]
        size += sum(PER_MESSAGE + len(one.text) for one in said)
        taken.add(size)
        before = (*before, *((one.role, one.text) for one in said))
        if parent not in seen or parent in known:  # not a chain that bites its tail
            known[node.id] = before, size
        yield node, before
