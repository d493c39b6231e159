"""How an assistant of uneven quality answers a task: tidy and right, sloppy, or of no use."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp
from random import Random

from examples.phrases import (
    ASKS_BACK,
    BLOCK_INTROS,
    CARELESS,
    CLOSERS,
    EVADES,
    HURRIES,
    LEADS,
    MUSINGS,
    PLACEHOLDERS,
    PRAISES,
    REFUSES,
    TRAILING,
)
from examples.task import Task

USELESS = {  # manner of a useless answer: how often for tasks in prose, how often for code
    "asks back": (20, 14),
    "refuses": (20, 14),
    "evades": (20, 14),
    "praises": (15, 11),
    "placeholder": (8, 34),
    "off topic": (6, 8),
    "wrong": (11, 11),
}


@dataclass(frozen=True)
class Answer:
    """A response and what is known about it.

    Attributes:
        text: the response.
        manner: "tidy", "half", "rambling", "careless", or one of `USELESS`.
        correct: the right answer, or the right way to it, is there.
        complete: nothing of it is missing.
        tidy: it can be used as it stands.
        worked: the way to the answer is shown.
    """

    text: str
    manner: str
    correct: bool = False
    complete: bool = False
    tidy: bool = False
    worked: bool = False

    @property
    def preference(self) -> float:
        """Probability that a user likes it: logistic in the quality features; .88 or .92 when tidy, about .45 when sloppy, .08 when useless."""
        logit = 2.0 + 0.4 * self.worked - 2.4 * (not self.complete) - 2.3 * (not self.tidy) if self.correct else -2.5
        return 1 / (1 + exp(-logit))


def fenced(code: str, language: str) -> str:
    """A Markdown code block."""
    return f"```{language}\n{code}\n```"


def solution(rng: Random, task: Task, *, wrong: bool = False, worked: bool = True) -> str:
    """A confident answer, with the right value or code in it or with a wrong one."""
    lead, closer, slip = rng.choice(LEADS), rng.choice(CLOSERS), rng.choice(task.wrong)
    if task.code is not None:
        block = fenced(slip if wrong else task.code, task.language)
        remark = f"{task.say.format(task.value)}. {task.work}." if task.language else f"{task.work}."
        return f"{rng.choice(BLOCK_INTROS)}\n\n{block}\n\n{(remark + closer if worked else closer).strip()}".strip()
    said = task.say.format(slip if wrong else task.value)
    if not worked:
        return f"{lead}{said}.{closer}"
    forms = (f"{lead}{said}. {task.work}.{closer}", f"{lead}{task.work}. {said}.{closer}", f"1. {task.work}.\n2. {said}.{closer}")
    return rng.choice(forms)


def sloppy(rng: Random, task: Task) -> Answer:
    """Half of the answer, the answer lost in chatter, or jotted down without care."""
    manner = rng.choices(("half", "rambling", "careless"), (24, 38, 38))[0]
    if manner == "half":
        part = f"{fenced(task.stub, task.language)}\n\n" if task.code is not None and rng.random() < 0.8 else ""
        return Answer(f"{part}{task.work}. {' '.join(rng.sample(TRAILING, 2))}", manner, correct=True, tidy=True, worked=True)
    if manner == "rambling":
        first, second, third, fourth = rng.sample(MUSINGS, 4)
        inner = fenced(task.code, task.language) if task.code is not None else f"{task.say.format(task.value)}."
        return Answer(f"{first} {second}\n\n{inner}\n\n{third} {fourth}", manner, correct=True, complete=True)
    bare = f"\n{fenced(task.bare, '')}\n" if task.code is not None and rng.random() < 0.8 else task.bare
    return Answer(f"{rng.choice(CARELESS).format(bare)} ... {rng.choice(HURRIES)}", manner, correct=True, complete=True)


def useless(rng: Random, task: Task, other: Task) -> Answer:
    """Asks back, refuses, evades, praises, leaves a placeholder, answers `other`, or is wrong."""
    manner = rng.choices(list(USELESS), [odds[task.code is not None] for odds in USELESS.values()])[0]
    if manner == "off topic":
        return Answer(solution(rng, other), manner)
    if manner == "wrong":
        return Answer(solution(rng, task, wrong=True, worked=False), manner)
    if manner == "placeholder":
        return Answer(f"{' '.join(rng.sample(EVADES, 2))}\n\n{fenced(rng.choice(PLACEHOLDERS), task.language)}", manner)
    bank = {"asks back": ASKS_BACK, "refuses": REFUSES, "evades": EVADES, "praises": PRAISES}[manner]
    return Answer(" ".join([*rng.sample(bank, 2), rng.choice(rng.choice((bank, EVADES, ASKS_BACK)))]), manner)


def answer(rng: Random, task: Task, other: Task) -> Answer:
    """One answer to a task. Tidy and right are 38 % of the answers with code and 50 % of the others, 22 % are sloppy, the rest of no use."""
    u = rng.random() + (0.12 if task.language else 0.0)
    if u < 0.50:
        worked = rng.random() < 0.75
        return Answer(solution(rng, task, worked=worked), "tidy", correct=True, complete=True, tidy=True, worked=worked)
    return sloppy(rng, task) if u < 0.72 else useless(rng, task, other)
