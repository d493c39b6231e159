"""Chats kept as a tree of messages: which of them are answers, and what was said before each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from probrm.data.files.memory import Growing
from probrm.data.products.product import Messages

PER_MESSAGE = 32
"""Bytes of a message without its text."""


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
    return Growing(source, "the chats before its answers")


def answers_in(nodes: Mapping[str, Node], taken: Growing) -> Iterator[tuple[Node, Messages]]:
    """The assistant's messages, each with the chat before it, in their order; a chain that bites its tail ends there.

    Raises:
        DataError: the chats before them take more memory than is free.
    """
    for node in nodes.values():
        if node.role != "assistant":
            continue
        before: list[tuple[str, str]] = []
        seen = {node.id}
        parent = node.parent
        while parent is not None and parent in nodes and parent not in seen:
            seen.add(parent)
            if nodes[parent].text.strip():
                before.append((nodes[parent].role, nodes[parent].text))
                taken.add(PER_MESSAGE + len(nodes[parent].text))
            parent = nodes[parent].parent
        yield node, tuple(reversed(before))
