"""How long work reports its progress, without knowing who is watching.

A room that works for more than two seconds takes a ``Progress`` and calls it; the command line passes one that draws
bars on a terminal, everybody else gets ``silent``.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol


class Advance(Protocol):
    """Moves a bar on by ``n`` units; ``fields`` are shown beside it (``elbo=-1.23``)."""

    def __call__(self, n: int = 1, **fields: object) -> None:
        """Moves on."""
        ...


class Progress(Protocol):
    """Anything that can show a labelled task of ``total`` units (steps, tokens, draws)."""

    def task(self, label: str, total: int) -> AbstractContextManager[Advance]:
        """A bar while the context is open."""
        ...


class _Silent:
    @contextmanager
    def task(self, label: str, total: int) -> Iterator[Advance]:
        def advance(n: int = 1, **fields: object) -> None:
            return None

        yield advance


silent: Progress = _Silent()
"""The default: says nothing."""
