"""The exceptions that reach a user. Each says what was found and how to correct it, and knows its exit code.

Nothing here imports anything, so every room may raise them. The command line prints ``str(error)`` and exits with
``error.exit_code``; a traceback is reserved for defects of our own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


class ProbrmError(Exception):
    """Base of all errors that are told to the user rather than traced.

    Args:
        what: one sentence naming the file, row, column or flag, what was found and what is allowed.
        fix: one sentence, ideally the line that corrects it.

    Attributes:
        more: lines that stand between the two.
    """

    exit_code: int = 2

    def __init__(self, what: str, *, fix: str) -> None:
        super().__init__(what, fix)
        self.what = what
        self.fix = fix
        self.more: list[str] = []

    def __str__(self) -> str:
        return "\n  ".join([self.what, *self.more, f"fix: {self.fix}"])


class DataError(ProbrmError):
    """A data file, a column of it or a value in it cannot be used."""


class ConfigError(ProbrmError):
    """A setting (TOML, ``--set``, a flag, an argument) has an unknown name or a value that is not allowed."""


class EncoderError(ProbrmError):
    """An encoder cannot be loaded or cannot encode these texts."""


class RunError(ProbrmError):
    """A run folder is missing, taken, damaged, or was written by an incompatible version."""


class NotIdentifiedError(ProbrmError):
    """The data cannot tell this model from another one that says something else.

    Args:
        what: as in ``ProbrmError``.
        fix: what would settle it.
        modes: the fitted runs, none of which could be named.
    """

    exit_code = 3

    def __init__(self, what: str, *, fix: str, modes: Sequence[Any] = ()) -> None:
        super().__init__(what, fix=fix)
        self.modes = list(modes)


class TrainingError(ProbrmError):
    """Training failed: a non-finite loss, or no start that converged."""

    exit_code = 4
