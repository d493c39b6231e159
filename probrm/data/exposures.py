"""The exposure audit: whether a log holds the answers that nobody acted on, without which it teaches nothing."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from probrm.errors import DataError

Verdict = Literal["complete", "none", "selected", "truncated", "annotators"]
PAGE = 1000
"""Rows of many an API's page: a log of exactly so many is likely to be cut off."""
_ADVICE = {
    "complete": "",
    "none": "add the answers that were shown and that nobody acted on; where every row is an explicit judgement, give it as pairs, "
    "or use it as labels to evaluate by: --columns label=NAME",
    "selected": "export all chats, not only those with feedback; as it is, shares and rewards hold for these chats alone",
    "truncated": "export without a limit, or page by page until the end, and read all pages: --data 'FOLDER/*.jsonl'",
    "annotators": "actions tell what annotators think and when they act, not what users do: propensities are theirs",
}


@dataclass(frozen=True)
class Exposures:
    """What a log says of the answers that were shown.

    Attributes:
        verdict: ``complete``; ``none``, only acted-on rows; ``selected``, exposures only from chats in which somebody acted;
            ``truncated``, as many rows as a page of an API has; ``annotators``, the user column names those who label.
        rows: answers shown.
        acted: of these, how many have an action.
        why: what the verdict rests on.
    """

    verdict: Verdict
    rows: int
    acted: int
    why: str = ""

    @property
    def advice(self) -> str:
        """What to do; empty where nothing is."""
        return _ADVICE[self.verdict]

    @property
    def sentence(self) -> str:
        """One line for a person."""
        text = f"exposures: {self.verdict}: {self.rows} answers shown, {self.acted} with an action"
        text += f"; {self.why}" if self.why else ""
        return f"{text}; {self.advice}" if self.advice else text

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {**asdict(self), "advice": self.advice}


def audit(rows: int, acted: int, *, cause: tuple[Verdict, str] | None, always: bool, file_rows: int) -> Exposures:
    """The verdict on a log that is to be fitted.

    Args:
        rows: answers that are used.
        acted: of these, how many have an action.
        cause: what the form of the file is known for, and why; it gives way to ``none``.
        always: whether an action that is observed in every row says nothing against the log: durations, graded reactions.
        file_rows: rows of the file, used or not.
    """
    if acted == rows and not always:
        return Exposures("none", rows, acted, "every row has an action")
    if cause is not None:
        return Exposures(cause[0], rows, acted, cause[1])
    if file_rows == PAGE:
        return Exposures("truncated", rows, acted, f"the file has exactly {PAGE:,} rows, which is the size of a page of many APIs")
    return Exposures("complete", rows, acted)


def refuse_none(found: Exposures, source: str) -> None:
    """Stops at a log without exposures.

    Raises:
        DataError: the verdict is ``none``.
    """
    if found.verdict == "none":
        raise DataError(
            f"{source}: exposures: none: all {found.rows} rows have an action; allowed: a log of all answers shown", fix=found.advice
        )
