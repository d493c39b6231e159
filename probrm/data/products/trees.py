"""Chats kept as a tree of messages: which of them are answers, and what was said before each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from probrm.data.products.product import Messages


@dataclass
class Node:
    """One message: its parent is the id of the message that it replies to; ``raw`` is the record it comes from."""

    id: str
    parent: str | None
    role: str
    text: str
    raw: Mapping[str, Any] = field(default_factory=dict)


def answers_in(nodes: Mapping[str, Node]) -> Iterator[tuple[Node, Messages]]:
    """The assistant's messages, each with the chat before it, in their order; a chain that bites its tail ends there."""
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
            parent = nodes[parent].parent
        yield node, tuple(reversed(before))
