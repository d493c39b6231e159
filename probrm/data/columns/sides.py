"""Columns that say the same of two sides: ``response_a`` and ``response_b``, ``Answer1`` and ``Answer2``."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+|\d+")
MARKS = (("0", "1"), ("1", "2"), ("a", "b"), ("left", "right"), ("first", "second"), ("one", "two"))
"""What columns of two sides are marked with, the first side before the second."""
NAMED = ("chosen", "rejected")

_WORDS = """
answer response output completion reply summary text generation generated conversation candidate option result resp message
model_response model_output model_answer assistant human_ref continuation translation
"""
ANSWERS = frozenset(_WORDS.split())
"""What columns of answers are called besides their marks."""
_BARE = (("a", "b"), ("left", "right"), ("first", "second"))
"""Marks that are enough of a name for a column of answers."""
CHOICES = (
    *("choice", "winner", "preference", "preferred", "human_preference", "overall_preference", "preference_strength", "better", "best"),
    *("better_response_id", "better_response", "preferred_response", "preferred_answer", "preferred_output", "preferred_side"),
    *("chosen", "chosen_response", "chosen_side", "selected", "vote", "verdict", "judgment", "judgement", "human_label", "gold_label"),
    *("label", "labels", "decision"),
)
"""Columns that say which side is preferred, in lower case; the first that is there."""


@dataclass(frozen=True)
class TwoSides:
    """Two columns of answers.

    Attributes:
        first: the column of the first side.
        second: that of the second side.
        marks: what distinguishes their names, in lower case; empty where nothing does.
    """

    first: str
    second: str
    marks: tuple[str, str] | tuple[()]


def parts_of(name: str, mark: str) -> tuple[str, str] | None:
    """What stands before and behind a mark in a name, the mark being a word of its own; None without."""
    found = [word for word in _WORD.finditer(name) if word[0].lower() == mark]
    return (name[: found[-1].start()], name[found[-1].end() :]) if found else None


def marked(name: str) -> str | None:
    """The mark of one side in a name, None where there is none: ``winner_model_b`` has ``b``."""
    words = [word.lower() for word in _WORD.findall(name)]
    return next((word for word in reversed(words) if any(word in marks for marks in MARKS)), None)


def is_turned(marks: tuple[str, ...]) -> bool:
    """Whether the column named first has the mark of a second one."""
    return marks[::-1] in MARKS and marks not in MARKS


def counterparts(names: Collection[str], marks: tuple[str, str]) -> dict[str, tuple[str, str]]:
    """What both sides have → its two columns: ``score`` → ``("score_a", "score_b")``; in the order of the file."""
    sides = [{key: name for name in names if (key := parts_of(name, mark)) is not None} for mark in marks]
    return {_base(key): (name, sides[1][key]) for key, name in sides[0].items() if key in sides[1]}


def two_sides(names: Collection[str]) -> TwoSides | None:
    """The two columns of answers, where there are two and no more."""
    found = [
        TwoSides(*columns, marks)
        for marks in MARKS
        for base, columns in counterparts(names, marks).items()
        if base.lower() in ANSWERS or (not base and marks in _BARE)
    ]
    return found[0] if len(found) == 1 else None


def marks_of(first: str, second: str) -> tuple[str, str] | tuple[()]:
    """The marks that distinguish two columns of answers, ``("b", "a")`` where they are named the other way round; empty without."""
    for marks in (NAMED, *MARKS, NAMED[::-1], *(pair[::-1] for pair in MARKS)):
        before, behind = parts_of(first, marks[0]), parts_of(second, marks[1])
        if before is not None and before == behind:
            return (marks[0], marks[1])
    return ()


def _base(key: tuple[str, str]) -> str:
    before, behind = (re.sub(r"^[\W_]+|[\W_]+$", "", part) for part in key)
    return "_".join(filter(None, (before, behind)))


def without_answer(base: str) -> str:
    """What both sides have, without the word for an answer: ``response_score`` is ``score``, ``is_response_safe`` is ``safe``."""
    words = [word for word in re.split(r"[\W_]+", base.lower()) if word and word not in ANSWERS | {"is"}]
    return "_".join(words)
