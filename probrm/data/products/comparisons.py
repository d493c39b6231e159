"""Comparisons that annotators made: which question asks for them, and which fields are the answers that it compares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from probrm.data.columns.sides import TwoSides, two_sides
from probrm.data.files.hints import listed
from probrm.data.products.annotated import Given
from probrm.data.products.contents import dig, parsed
from probrm.errors import DataError

_SIDES = {"left", "right"}


@dataclass(frozen=True)
class Comparison:
    """What one annotator said of the answers of one record: by name their ranks, 1 the best, and their texts."""

    given: Given
    ranks: Mapping[str, int]
    texts: Mapping[str, str]


def comparisons(given: Sequence[Given], source: str, question: str | None = None) -> tuple[list[Comparison], list[str]]:
    """The comparisons of the one question that asks for them, and notes; none where annotators rated or labelled single answers.

    Args:
        given: what the annotators gave.
        source: the export, for messages.
        question: the question that decides, where the user named one.

    Raises:
        DataError: several questions compare answers, not the one that was named, or an answer that was ranked is not among the fields.
    """
    ranked: dict[str, list[tuple[Given, dict[str, int]]]] = {}
    for one in given:
        for name, value in one.values.items():
            if (ranks := _ranks(value)) is not None:
                ranked.setdefault(name, []).append((one, ranks))
    asked = [name for name, rows in ranked.items() if any(_names_answers(one, ranks) for one, ranks in rows)]
    asked = asked or [name for name, rows in ranked.items() if _ranks_alike(rows)]
    if question and question not in asked:
        raise DataError(
            f"{source}: there is no question {question!r} that compares answers (named for 'choice'); found: {listed(asked) or 'none'}",
            fix="name one of these, or leave it out" if asked else "leave --columns choice= out",
        )
    if len(asked) > 1 and not question:
        raise DataError(
            f"{source}: {len(asked)} questions compare answers: {listed(asked)}", fix=f"say which one decides: --columns choice={asked[0]}"
        )
    if not asked:
        return [], []
    sides: set[str] = set()
    found = [Comparison(one, ranks, _texts(one, ranks, source, sides)) for one, ranks in ranked[question or asked[0]]]
    return found, sorted(sides)


def no_single_answers(given: Sequence[Given], source: str) -> None:
    """Refuses to read records of several answers as a log, in which a row has one.

    Raises:
        DataError: no record has a single answer, and some have several or compare them.
    """
    if not given or any(len(one.texts.answers) == 1 for one in given):
        return
    if comparisons(given, source)[0]:
        raise DataError(
            f"{source}: its annotations are comparisons of answers, which are pairs and no log of actions",
            fix=f"fit a model of pairs: probrm fit bradley-terry --data {source}",
        )
    if several := next((one for one in given if one.texts.answers), None):
        raise DataError(
            f"{source}: its records have several answers ({listed(several.texts.answers)}), and no question compares them; "
            f"found: {listed(several.values)}",
            fix="ask for a ranking or a pairwise choice of the answers; or write a table with the columns prompt, response_a, response_b, choice",
        )


def _ranks(value: Any) -> dict[str, int] | None:
    """Answer → rank, 1 the best; None of what is no comparison."""
    value = parsed(value)
    if isinstance(value, str) and value in _SIDES:
        return {"left": 1, "right": 2} if value == "left" else {"left": 2, "right": 1}
    if isinstance(value, list) and len(value) > 1:
        if all(isinstance(one, str) for one in value):
            return {name: rank for rank, name in enumerate(value, start=1)}
        if all(isinstance(one, Mapping) and dig(one, "rank") is not None for one in value):
            return {str(one["value"]): int(one["rank"]) for one in value}
    return None


def _names_answers(one: Given, ranks: Mapping[str, int]) -> bool:
    """Whether these are sides or fields of the record; several labels of one answer are neither."""
    return set(ranks) == _SIDES or any(_text(one, name) for name in ranks)


def _ranks_alike(rows: Sequence[tuple[Given, Mapping[str, int]]]) -> bool:
    """Whether every row orders the same names, as in a ranking whose options are called otherwise than the fields."""
    return len({frozenset(ranks) for _, ranks in rows}) == 1 and all(len(one.texts.answers) != 1 for one, _ in rows)


def _text(one: Given, name: str) -> str | None:
    text = one.texts.answers.get(name) or one.fields.get(name)
    return text if isinstance(text, str) else None


def _texts(one: Given, ranks: Mapping[str, int], source: str, sides: set[str]) -> dict[str, str]:
    """The ranked answers' texts; ``sides`` gets which fields are left and right, by their names and not by their order in the file."""
    if set(ranks) == _SIDES and not all(_text(one, name) for name in _SIDES):
        names = [name for name, value in one.fields.items() if isinstance(value, str) and value.strip()]
        two = _two(tuple(one.texts.answers)) or _two(tuple(names))
        if two is None:
            raise DataError(
                f"{source}, record {one.id}: {min(ranks, key=ranks.__getitem__)!r} was chosen, and no two fields can be recognised as the left "
                f"and the right answer; found: {listed(one.fields)}",
                fix="call the left answer answer1 and the right one answer2 in the data of the tasks, and export again",
            )
        sides.add(f"left is read as `{two.first}`, right as `{two.second}`")
        return {"left": _text(one, two.first) or "", "right": _text(one, two.second) or ""}
    found = {name: _text(one, name) for name in ranks}
    if unknown := [name for name, text in found.items() if text is None]:
        raise DataError(
            f"{source}, record {one.id}: {unknown[0]!r} was ranked, and no field with a text is called so; found: {listed(one.fields)}",
            fix="call the options of the question as the fields that they stand for, and export again",
        )
    return {name: text for name, text in found.items() if text is not None}


@lru_cache
def _two(names: tuple[str, ...]) -> TwoSides | None:
    return two_sides(names)
