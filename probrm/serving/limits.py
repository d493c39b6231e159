"""How much a client may ask for."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """What is refused beyond.

    Attributes:
        body: bytes of a request.
        texts: answers in one request.
        characters: of one prompt with its answer.
        waiting: answers of all requests together that wait to be encoded; more are told to come back (503).
        together: answers that are encoded at a time.
        seconds: until a request is given up (504), and how long its body may take to arrive.
    """

    body: int = 4_000_000
    texts: int = 512
    characters: int = 400_000
    waiting: int = 4096
    together: int = 64
    seconds: float = 120.0
