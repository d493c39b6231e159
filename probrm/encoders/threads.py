"""How many threads encoding uses."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch

_MOST = 8
"""Sentence-sized batches gain little beyond this, and a container's share is often smaller than what it shows."""


def encoding_threads() -> int:
    """Threads for a forward pass: the processors that this process may use, at most 8."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)
    return max(1, min(_MOST, usable))


@contextmanager
def thread_count(count: int) -> Iterator[None]:
    """Sets torch's thread count and restores the one before: heads train best on one thread, encoding does not."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
