"""What one task is: a question that a program can ask, and answer rightly, in part, or wrongly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random


@dataclass(frozen=True)
class Task:
    """A question with a known answer.

    Attributes:
        kind: the kind of task, such as "arithmetic".
        key: what is asked, apart from its wording; decides whether the task belongs to the log or to the test log.
        prompt: the question as the user writes it.
        say: the closing sentence, without full stop, with `{}` where the value goes.
        value: the right value (for code: what the code does, in a phrase).
        bare: the right value as a careless writer gives it (no unit, no names).
        wrong: wrong values; for code, wrong code.
        work: the way to the answer without the answer itself, a sentence without full stop.
        code: the right code or formatted block; None where prose is the natural answer.
        language: what follows the opening fence of a block.
        stub: the first part of the code, as a half-finished answer shows it.
    """

    kind: str
    key: str
    prompt: str
    say: str
    value: str
    bare: str
    wrong: tuple[str, ...]
    work: str
    code: str | None = None
    language: str = ""
    stub: str = ""


ASKING = ("", "", "", "Quick question: ", "Hi! ", "Please help: ", "One more thing: ", "For my notes: ")


def ask(rng: Random, wordings: Sequence[str]) -> str:
    """One of several wordings of a question, sometimes after a few words of greeting."""
    return rng.choice(ASKING) + rng.choice(wordings)


def number(value: float) -> str:
    """A number with at most two decimals and no trailing zeros: 12.5, 3, -0.25."""
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def near(value: float, rng: Random, *, unit: str = "", step: float = 1) -> tuple[str, ...]:
    """Plausible wrong values: off by one step, off by ten, a slipped digit, a factor of ten."""
    slips = {number(slip) for slip in (value + step, value - step, value + 10 * step, value * 10, value * 1.1 + step)} - {number(value)}
    chosen = rng.sample(sorted(slips), 3)
    return tuple(f"{slip}{unit}" for slip in chosen)
