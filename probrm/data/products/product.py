"""What a product's reader is given and what it gives back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from probrm.data.exposures import Verdict

Messages = tuple[tuple[str, str], ...]


@dataclass(slots=True)
class Answer:
    """One answer that was shown.

    Attributes:
        id: of the answer; empty where the export has none.
        prompt: what was said before it, oldest first; empty where the export does not hold it.
        response: its text; empty where the export does not hold it.
        user: who saw it.
        session: the chat.
        timestamp: when, as the export writes it.
        feedback: name → value as the export writes it; what nobody gave is not there, and NaN where nobody could give it.
        more: other columns, plain values.
        keys: ids that feedback in another file may name it by.
    """

    id: str
    prompt: Messages
    response: str
    user: str | None = None
    session: str | None = None
    timestamp: str | None = None
    feedback: dict[str, Any] = field(default_factory=dict)
    more: dict[str, Any] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Asked:
    """What the user said.

    Attributes:
        named: columns and kinds of feedback named anywhere.
        codes: what values mean, see ``probrm.data.columns.coding``.
        feedback: a file of feedback.
        on: the key that joins it.
    """

    named: tuple[str, ...] = ()
    codes: Mapping[str, float | None] = field(default_factory=dict)
    feedback: str | None = None
    on: str | None = None


@dataclass(frozen=True)
class Reading:
    """A product's log.

    Attributes:
        table: native columns, one column for each kind of feedback, and what else the export says, one row an answer shown.
        kinds: kind of feedback → ``binary``, ``thumb``, ``ordinal`` or ``log-normal``.
        cause: what the form of the export makes of the exposures, and why; None where it holds all of them.
        notes: what a user should know, one sentence each.
        aliases: how the export itself calls a kind of feedback → its column here.
    """

    table: pa.Table
    kinds: Mapping[str, str]
    cause: tuple[Verdict, str] | None = None
    notes: Sequence[str] = ()
    aliases: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Peek:
    """The beginning of a source: enough to recognise an export, read without reading the rest.

    Attributes:
        source: the source.
        first: its first record; empty where there is none.
        names: names of its columns.
        inside: names of what lies in a folder, with those one level below.
        whole: whether the file is one JSON object and not a list or lines of them.
    """

    source: str
    first: Mapping[str, Any]
    names: frozenset[str]
    inside: tuple[str, ...] = ()
    whole: bool = False

    def has(self, *names: str) -> bool:
        """Whether all these columns are there."""
        return set(names) <= self.names


@dataclass(frozen=True)
class Product:
    """One export.

    Attributes:
        name: what ``--preset`` calls it.
        title: what people call it.
        recognises: whether a source is one without doubt.
        read: the reader; it raises ``DataError``.
    """

    name: str
    title: str
    recognises: Callable[[Peek], bool]
    read: Callable[[str, Asked], Reading]
