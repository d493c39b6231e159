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
        held: bytes of all requests together that are being answered; more are told to come back (503).
        waiting: answers of all requests together that wait to be encoded; more are told to come back (503).
        together: answers that are encoded at a time.
        seconds: until a request is given up (504), and until its whole body has to be there (408).
        stopping: seconds that requests have to end in once the server is told to stop; later ones get 503.
    """

    body: int = 4_000_000
    texts: int = 512
    characters: int = 400_000
    held: int = 256_000_000
    waiting: int = 4096
    together: int = 64
    seconds: float = 120.0
    stopping: float = 20.0
