"""Files of two answers and a choice that have no published form: which of their columns is what."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from probrm.data.columns.sides import CHOICES, TwoSides, counterparts, marks_of, two_sides, without_answer
from probrm.data.pairs.one_hot import one_hot_columns
from probrm.data.pairs.rating_names import OVERALL, plain

_PROMPTS = ("prompt", "question", "query", "instruction", "input", "request", "context", "user_prompt", "conversation", "messages", "post")


def sides_of(names: Collection[str], mapped: Mapping[str, str]) -> TwoSides | None:
    """The two columns of answers: those that are named, else native ones, else two whose names differ in a mark alone."""
    first, second = (mapped.get(native) or (native if native in names else None) for native in ("response_0", "response_1"))
    if first is not None and second is not None:
        return TwoSides(first, second, marks_of(first, second))
    return None if "response" in names else two_sides(names)  # one answer a row, and other columns that come in twos


def side_by_side_columns(names: Collection[str], mapped: Mapping[str, str]) -> dict[str, str] | None:
    """Native name → column of a file of two answers with a choice, or with scores of both; None of another file.

    Args:
        names: the file's columns.
        mapped: native name → column, as the user says; an empty name: there is none.
    """
    sides = sides_of(names, mapped)
    if sides is None:
        return None
    found = {"response_0": sides.first, "response_1": sides.second}
    choice = mapped.get("choice") or _choice(names, sides)
    if choice is not None and mapped.get("choice") != "":
        found["choice"] = choice
    scores = scores_of(names, sides)
    overall = next((scores[name] for name in OVERALL if name in scores), None)
    if overall is not None:
        found |= {"score_0": overall[0], "score_1": overall[1]}
    if "choice" not in found and "score_0" not in found:
        return None
    if "prompt" not in mapped:
        prompt = next((name for name in names if plain(name) in _PROMPTS and name not in found.values()), None)
        prompt = next((name for usual in _PROMPTS for name in names if plain(name) == usual), prompt)
        found |= {"prompt": prompt} if prompt else {}
    return found


def scores_of(names: Collection[str], sides: TwoSides) -> dict[str, tuple[str, str]]:
    """What both sides have → its two columns, but for the answers themselves: ``score`` → ``("score_a", "score_b")``."""
    if len(sides.marks) != 2:
        return {}
    both = counterparts(names, sides.marks).items()
    return {without_answer(base): columns for base, columns in both if columns != (sides.first, sides.second)}


def _choice(names: Collection[str], sides: TwoSides) -> str | None:
    spread = one_hot_columns(names)
    if spread is not None:
        return spread[0]
    taken = {sides.first, sides.second}
    return next((name for usual in CHOICES for name in names if plain(name) == usual and name not in taken), None)
