"""Which of two responses was preferred, in every coding that files have."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from probrm.data.columns.sides import ANSWERS, MARKS, TwoSides, is_turned, marked
from probrm.data.columns.values import Cells, names
from probrm.data.files.hints import listed, spelled
from probrm.data.pairs.rating_names import plain
from probrm.errors import DataError

FIRST, TIE, SECOND = 0.0, 0.5, 1.0
_TIED = """
tie tied ties draw drawn both same equal neither tie_bothbad both_bad bothbad both_good bothgood tie_both_bad tie_bothgood no_preference
equally_good equally_bad about_the_same c
"""
_TIES = frozenset(_TIED.split())
_TIE_WORDS = frozenset({"tie", "both", "bothbad", "bothgood", "neither", "equal", "equally"})
_EQUAL = re.compile(r"\W*(a ?[=~]+ ?b|1 ?[=~]+ ?2)\W*")
_COMPARED = re.compile(r"\W*(\w+) ?(>+|<+) ?(\w+)\W*")
_WORD = re.compile(r"[a-z]+|\d+")
_MARKS = frozenset(mark for marks in MARKS for mark in marks)
_BESIDE = """
model assistant side option choice candidate system bot is was much slightly significantly clearly better best wins won win preferred prefer
prefers chosen the more
"""
_AROUND = frozenset(_BESIDE.split()) | ANSWERS
"""Words that may stand with the mark of a side in a value."""
_SIDES = {"a": FIRST, "b": SECOND, "left": FIRST, "right": SECOND, "first": FIRST, "second": SECOND, "one": FIRST, "two": SECOND}
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?")
SIGNED = {"first": "negative", "second": "positive", "tie": "0"}
"""Declares a scale such as −3…3: below 0 the first response is better, by so much."""
_FIX = "declare it: --choices first=VALUE,second=VALUE,tie=VALUE (or first=negative,second=positive for a signed scale)"


@dataclass(frozen=True)
class Choice:
    """Which side was preferred in n rows.

    Attributes:
        side: float64 (n,): 0 the first, 1 the second, 0.5 neither, NaN where nothing is said.
        strength: float64 (n,), by how much, from a signed scale; None otherwise.
        meaning: how the values were understood, for a note.
    """

    side: np.ndarray
    strength: np.ndarray | None
    meaning: str


def read_choice(cells: Cells, sides: TwoSides, declared: Mapping[str, str], *, index: bool) -> Choice:
    """Reads a column that says which side was preferred.

    Args:
        cells: the column.
        sides: the two columns of answers, whose names may be the values.
        declared: ``{"first": "1", "second": "2", "tie": "0"}`` as the user or a published form says; values of one kind are separated
            by ``|``, and ``negative`` and ``positive`` are signs. Empty: understood from the values.
        index: whether 0 and 1 are known to number the sides.

    Raises:
        DataError: a value is not understood, or has two possible meanings; says which, and how to declare it.
    """
    found = [None if name is None else _as_value(str(name)) for name in names(cells, fix=_FIX)]
    distinct = sorted({value for value in found if value is not None}, key=_order)
    coding = _declared(declared, distinct) if declared else _understood(cells, sides, distinct, index=index)
    for value in distinct:
        if value not in coding:
            allowed = _say(declared, sides) if declared else "which of two sides is preferred"
            raise cells.error(found.index(value), allowed, _FIX)
    side = np.array([np.nan if value is None else coding[value] for value in found])
    scale = any(value.startswith("-") or (_is_number(value) and abs(float(value)) > 2) for value in distinct)
    signed = scale or declared.get("first") in ("negative", "positive")
    strength = np.array([np.nan if value is None else abs(float(value)) for value in found]) if signed else None
    return Choice(side, strength, _meaning(coding, found, sides, signed=signed))


def understands(value: str) -> bool:
    """Whether a value by itself names a side or a tie: ``a``, ``model_b``, ``tie (bothbad)``, ``2``."""
    word = plain(value)
    return (
        word in _TIES
        or bool(_TIE_WORDS & set(word.split("_")) and len(word) < 20)
        or _mark_of(value) is not None
        or (_is_number(value) and abs(float(value)) <= 3)
    )


def _as_value(text: str) -> str:
    """Numbers are written one way: ``1.0`` is ``1``."""
    text = text.strip().lower()
    return spelled(float(text)) if _NUMBER.fullmatch(text) else text


def _declared(declared: Mapping[str, str], distinct: list[str]) -> dict[str, float]:
    coding: dict[str, float] = {}
    for kind, side in (("first", FIRST), ("second", SECOND), ("tie", TIE)):
        for value in filter(None, map(_as_value, declared.get(kind, "").split("|"))):
            if value in ("negative", "positive"):
                sign = -1 if value == "negative" else 1
                coding |= {other: side for other in distinct if _is_number(other) and float(other) * sign > 0}
            else:
                coding[value] = side
    return coding


def _understood(cells: Cells, sides: TwoSides, distinct: list[str], *, index: bool) -> dict[str, float]:
    """Value → side; values that are not understood are left out.

    Raises:
        DataError: the values are numbers or booleans with two possible meanings.
    """
    if distinct and all(map(_is_number, distinct)):
        return _from_numbers(cells, sides, [float(value) for value in distinct], distinct, index=index)
    if set(distinct) <= {"true", "false"}:
        raise _ambiguous(cells, sides, distinct)
    return _from_words(cells, sides, distinct)


def _from_words(cells: Cells, sides: TwoSides, distinct: list[str]) -> dict[str, float]:
    coding, digits = {}, {}
    for value in distinct:
        word, mark = plain(value), _mark_of(value)
        if word in _TIES or _TIE_WORDS & set(word.split("_")) or _EQUAL.fullmatch(value):
            coding[value] = TIE
        elif word in (plain(sides.first), plain(sides.second)):
            coding[value] = FIRST if word == plain(sides.first) else SECOND
        elif mark in sides.marks:
            coding[value] = FIRST if sides.marks and mark == sides.marks[0] else SECOND
        elif mark in _SIDES:
            coding[value] = _SIDES[mark]
        elif mark is not None:
            digits[value] = float(mark)
    if digits:
        least = 0.0 if 0 in digits.values() else 1.0
        if (
            any(mark.isdigit() for mark in sides.marks)
            or is_turned(sides.marks)
            or not set(digits.values()) <= {least, least + 1}
            or set(digits.values()) == {1.0}
        ):
            raise _ambiguous(cells, sides, distinct)
        coding |= {value: number - least for value, number in digits.items()}
    return coding


def _mark_of(value: str) -> str | None:
    """The mark of the side that a value names: ``model_a``, ``response 1``, ``b is much better``, ``a>b``; None where it names none or both."""
    compared = _COMPARED.fullmatch(value)
    if compared is not None:
        better = compared[1] if compared[2][0] == ">" else compared[3]
        return better if compared[1] != compared[3] and {compared[1], compared[3]} <= _MARKS else None
    words = [word for part in _WORD.findall(value) for word in _unglued(part)]
    marks = [word for word in words if word in _MARKS]
    return marks[0] if len(marks) == 1 and set(words) - {marks[0]} <= _AROUND else None


def _unglued(word: str) -> tuple[str, ...]:
    """``modelb`` as ``model`` and ``b``; another word as it is."""
    return (word[:-1], word[-1]) if word[-1] in "ab" and word[:-1] in _AROUND else (word,)


def _from_numbers(cells: Cells, sides: TwoSides, values: list[float], written: list[str], *, index: bool) -> dict[str, float]:
    there, numbered = set(values), {float(mark): side for mark, side in zip(sides.marks, (FIRST, SECOND), strict=False) if mark.isdigit()}
    coding: dict[float, float] = {}
    if numbered and there <= {*numbered, 0.5}:
        coding = {**numbered, 0.5: TIE}
    elif is_turned(sides.marks):  # counted in the file's order, or in that of the columns as they were named
        raise _ambiguous(cells, sides, written)
    elif not numbered and there <= {0, 0.5, 1} and 0 in there and index and marked(cells.name) is None:
        coding = {0: FIRST, 1: SECOND, 0.5: TIE}
    elif not numbered and there <= {1, 2} and 2 in there:
        coding = {1: FIRST, 2: SECOND}
    elif min(values) < 0 < max(values) and max(map(abs, values)) > 1 and all(v == round(v) and abs(v) <= 10 for v in values):
        coding = {value: TIE if value == 0 else float(value > 0) for value in values}
    if not coding:
        raise _ambiguous(cells, sides, written)
    return {text: coding[value] for text, value in zip(written, values, strict=True)}


def _ambiguous(cells: Cells, sides: TwoSides, distinct: list[str]) -> DataError:
    return DataError(
        f"{cells.source}, column {cells.name!r}: found {listed(distinct)}, and it is not certain which of them means {sides.first!r} and which "
        f"{sides.second!r}; allowed: a, b, left, right, the columns' names, 1 and 2, 0 and 1 beside columns numbered so, tie, or a scale such as "
        "-3 to 3",
        fix=_FIX,
    )


def _meaning(coding: Mapping[str, float], found: list[str | None], sides: TwoSides, *, signed: bool) -> str:
    if signed:
        lower = [side for value, side in coding.items() if value.startswith("-")]
        names_ = (sides.first, sides.second) if not lower or lower[0] == FIRST else (sides.second, sides.first)
        return f"below 0 means `{names_[0]}`, above 0 `{names_[1]}`, by so much"
    told = []
    for side, name in ((FIRST, f"`{sides.first}`"), (SECOND, f"`{sides.second}`"), (TIE, "neither")):
        values = [value for value, meant in coding.items() if meant == side and value in found]
        told += [f"{'/'.join(values)} means {name}"] if values else []
    return ", ".join(told)


def _say(declared: Mapping[str, str], sides: TwoSides) -> str:
    names_ = {"first": f"({sides.first})", "second": f"({sides.second})", "tie": "(tie)"}
    return ", ".join(f"{declared[kind]} {name}" for kind, name in names_.items() if kind in declared)


def _is_number(value: str) -> bool:
    return _NUMBER.fullmatch(value) is not None


def _order(value: str) -> tuple[bool, float, str]:
    return (False, float(value), "") if _is_number(value) else (True, 0.0, value)
