"""A case: a folder with files that nobody should have made, and a command on them. All of it follows from a seed and a number."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

SAVED = Path(__file__).parents[2] / "saved_runs"
LOGS, PAIRS = ("implicit", "naive", "sar-em"), ("bradley-terry", "vrm")


@dataclass(frozen=True)
class Case:
    """What is called, and what was done to make it strange.

    Attributes:
        argv: after ``probrm``.
        told: one line for whoever reads of its failure.
        tags: words that the report counts beside the class: the type of column, the kind of file.
    """

    argv: list[str]
    told: str = ""
    tags: tuple[str, ...] = ()


@dataclass(frozen=True)
class Kind:
    """A class of cases.

    Attributes:
        name: in the report.
        build: fills the folder that it is given, and says what to call.
        share: how many of a hundred cases are of it.
    """

    name: str
    build: Callable[[random.Random, Path, Path], Case]
    share: int


@dataclass
class Outcome:
    """What became of a case: ``faults`` is empty where all is as promised."""

    number: int
    kind: str
    code: int | None
    seconds: float
    faults: list[str] = field(default_factory=list)
    told: str = ""
    detail: str = ""


def drawn(seed: int, number: int) -> random.Random:
    """The random numbers of one case."""
    return random.Random(f"{seed}:{number}")
