"""What a column's name says about its numbers: a rating, a rank, or something else."""

from __future__ import annotations

import re
from collections.abc import Collection

OVERALL = ("overall", "overall_score", "overall_rating", "score", "rating", "quality", "overall_quality", "reward")
"""Columns that hold an overall rating, the first that is there; none of them is an attribute."""

RANKS = ("rank", "ranking", "position", "place", "placement")
"""Columns in which lower is better."""

_KNOWN = """
accuracy accurate adequacy appropriateness brief brevity clarity clear coherence coherent completeness complete complexity
comprehensiveness concise conciseness consistency consistent correct correctness creative creativity depth detail detailed
empathy engagement engaging ethics factual factuality faithful faithfulness fluency fluent formatting grammar grammaticality
grounded groundedness harmless harmlessness helpful helpfulness honest honesty humor informative informativeness
instruction_following instruction_adherence interestingness kindness naturalness novelty originality overall persuasiveness
polite politeness precision quality readability reasoning relevance relevancy relevant reward safe safety score rating simplicity
specificity style tone truthful truthfulness understandability usefulness useful values verbosity wit
"""
_RATINGS = frozenset(_KNOWN.split())
"""Names that say that a column holds ratings, higher being better."""
_AROUND = re.compile(r"^(rating|score|avg|mean|average|human|annotated)_|_(rating|ratings|score|scores|mark|marks|label)$")


def plain(name: str) -> str:
    """A name in lower case with single underscores: ``Instruction-Following`` is ``instruction_following``."""
    return re.sub(r"[\W_]+", "_", name.strip().lower()).strip("_")


def is_rating(name: str) -> bool:
    """Whether a name is known to be that of a rating in which higher is better: ``helpfulness``, ``safety_score``."""
    short = _AROUND.sub("", plain(name))
    return short in _RATINGS or plain(name) in _RATINGS


def is_rank(name: str) -> bool:
    """Whether lower is better: ``rank``, ``human_rank``, ``position``."""
    words = plain(name).split("_")
    return words[-1] in RANKS or words[0] in RANKS[:2]


def is_order(name: str) -> bool:
    """Whether a rank is called one, and not a position or a place, which an answer may also have in a list."""
    return bool({"rank", "ranking"} & set(plain(name).split("_")))


def sign_of(name: str, columns: Collection[str]) -> tuple[str, float]:
    """The column that a named attribute is, and the sign with which it counts: ``-toxicity`` is ``("toxicity", -1)``.

    Ranks count reversed whether or not they have a minus, for lower is better in either case.

    Args:
        name: as the user wrote it.
        columns: names of the file; one that starts with a minus itself is that column.
    """
    reversed_ = name.startswith("-") and name not in columns
    column = name[1:] if reversed_ else name
    return column, -1.0 if reversed_ or is_rank(column) else 1.0


def direction(name: str) -> str:
    """``lower `rank``` or ``higher `quality```, for notes."""
    return f"{'lower' if is_lower(name) else 'higher'} `{name.removeprefix('-')}`"


def is_lower(name: str) -> bool:
    """Whether lower is better in a column, or in an attribute as it was named."""
    return name.startswith("-") or is_rank(name)
