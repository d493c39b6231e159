"""What a report is made of: sections of blocks, which the template turns into HTML. Texts are plain; only pictures are markup."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from markupsafe import Markup

Tone = Literal["plain", "good", "warn", "bad", "quiet"]


@dataclass(frozen=True)
class Paragraph:
    """A paragraph; its tone colours a bar beside it."""

    kind: ClassVar[str] = "paragraph"
    text: str
    tone: Tone = "plain"


@dataclass(frozen=True)
class Items:
    """A list of sentences."""

    kind: ClassVar[str] = "items"
    entries: Sequence[str]


@dataclass(frozen=True)
class Facts:
    """Names and values, one pair a line."""

    kind: ClassVar[str] = "facts"
    pairs: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Tiles:
    """Verdicts at a glance: ``(question, answer, what it rests on, tone)``."""

    kind: ClassVar[str] = "tiles"
    tiles: Sequence[tuple[str, str, str, Tone]]


@dataclass(frozen=True)
class Grid:
    """A table: the first column to the left, the others to the right unless ``words`` says that they are texts."""

    kind: ClassVar[str] = "grid"
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    caption: str = ""
    words: bool = False


@dataclass(frozen=True)
class Picture:
    """A figure: markup that was made by this room, its caption, and what it shows for those who cannot see it."""

    kind: ClassVar[str] = "picture"
    markup: Markup
    caption: str
    title: str = ""
    wide: bool = False


@dataclass(frozen=True)
class Code:
    """Preformatted text."""

    kind: ClassVar[str] = "code"
    text: str


@dataclass(frozen=True)
class Card:
    """One row of the data: what is known of it, and its texts, which nobody has looked at."""

    kind: ClassVar[str] = "card"
    title: str
    facts: Sequence[tuple[str, str]]
    texts: Sequence[tuple[str, str, str]]
    """``(name, beginning, the whole or nothing where the beginning is all)``."""


@dataclass(frozen=True)
class Heading:
    """A heading inside a section."""

    kind: ClassVar[str] = "heading"
    text: str


@dataclass(frozen=True)
class Fold:
    """Blocks that are shown on demand."""

    kind: ClassVar[str] = "fold"
    summary: str
    blocks: Sequence[Block]


Block = Paragraph | Items | Facts | Tiles | Grid | Picture | Code | Card | Heading | Fold


@dataclass(frozen=True)
class Section:
    """One entry of the table of contents."""

    id: str
    title: str
    lead: str = ""
    blocks: list[Block] = field(default_factory=list)
