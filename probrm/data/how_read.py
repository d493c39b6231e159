"""How a file was read: its form, and what became of its columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class HowRead:
    """The reading of one file.

    Attributes:
        form: what ``--preset`` calls its form; empty: a plain table.
        named: whether the user named the form, rather than it being recognised.
        columns: native name → what the file calls it.
        ignored: columns that nothing was read from; empty where no model is to be fitted.
        preferred: of pairs, what makes a response preferred and in which direction; empty of a log.
        first_preferred: of files of two answers and a choice, the share of the pairs without ties in which the first answer is
            preferred; None of others.
    """

    form: str = ""
    named: bool = False
    columns: Mapping[str, str] = field(default_factory=dict)
    ignored: tuple[str, ...] = ()
    preferred: str = ""
    first_preferred: float | None = None
