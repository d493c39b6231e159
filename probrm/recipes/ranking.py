"""The answers of a file, or of code, ranked within their prompts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import torch
from jaxtyping import Float
from torch import Tensor

from probrm.data import Batch, Conversation, PairSpec
from probrm.data.pairs.answer_lists import may_hold_answers
from probrm.data.pairs.answers import nested_form
from probrm.encoders import Encoder
from probrm.errors import DataError
from probrm.inference.device import own_random_stream
from probrm.inspection.columns import columns_of
from probrm.posterior import Ranking, Risk, own_draws, rank_answers
from probrm.progress import Progress, silent
from probrm.recipes.pairs.files import is_pairs
from probrm.recipes.score_table import with_scores
from probrm.runs.run import Run

if TYPE_CHECKING:
    from probrm.recipes.recipe import Recipe

_NUMBERS = 8_000_000
"""Draws × answers held at a time."""
_COLUMNS = ("reward", "p_best", "rank", "rank_low", "rank_high", "advantage", "advantage_low")


@dataclass(frozen=True)
class RankedFile:
    """A file's answers in order.

    Attributes:
        table: its rows, with the columns of ``Ranking``, ``chosen`` (1 for the choice, 0 for the others of its prompt) and ``regret``.
        prompts: of each prompt with several answers, the places of its answers in the table and their ranking.
        single: prompts with one answer, which nothing is said of.
        notes: on the data.
    """

    table: pa.Table
    prompts: list[tuple[np.ndarray, Ranking]]
    single: int
    notes: list[str]


def rank_file(
    recipe: Recipe,
    run: Run,
    source: str,
    spec: Any,
    *,
    risk: Risk = "mean",
    abstain: float | None = None,
    embeddings: str | Encoder | None = None,
    progress: Progress = silent,
) -> RankedFile:
    """The rows of a file in their order with what is known of the order of each prompt's answers.

    Args:
        recipe: of the run.
        run: fitted to a log or to pairs.
        source: one answer a row, rows of one prompt with the same text in it; or lists of answers, which are written one a row.
        spec: how it is read.
        risk: see ``rank_answers``.
        abstain: likewise.
        embeddings: a store of the file's vectors.
        progress: shows the work.

    Raises:
        DataError: the file cannot be used, or no prompt has two answers.
    """
    _refuse_pairs(source, spec)
    log, batch, notes = recipe.answers(run, source, spec, embeddings=embeddings, progress=progress)
    by_prompt: dict[Any, list[int]] = {}
    for i, one in enumerate(log.conversations):
        by_prompt.setdefault(one.prompt, []).append(i)
    several = [np.array(rows) for rows in by_prompt.values() if len(rows) > 1]
    if not several:
        raise DataError(
            f"{source}: none of its {len(by_prompt)} prompts has two answers; allowed: several rows with the same prompt, or lists of answers",
            fix="write the answers to choose from one a row, each with its prompt; single answers are scored by probrm score",
        )
    found = list(zip(several, rankings(run, batch, log.conversations, several, risk=risk, abstain=abstain, progress=progress), strict=True))
    columns = {name: np.full(len(log), np.nan, np.float32) for name in (*_COLUMNS, "chosen", "regret")}
    for rows, ranking in found:
        for name in _COLUMNS:
            columns[name][rows] = getattr(ranking, name)
        columns["regret"][rows] = ranking.regret
        columns["chosen"][rows] = 0
        if not ranking.abstains:
            columns["chosen"][rows[ranking.chosen]] = 1
    table, told = with_scores(log.table, log.rows, columns)
    single = len(by_prompt) - len(several)
    if single:
        notes = [*notes, f"{single} of {len(by_prompt)} prompts have one answer: there is nothing to choose, and nothing is said of them"]
    return RankedFile(table, [(log.rows[rows], ranking) for rows, ranking in found], single, notes + told)


def _refuse_pairs(source: str, spec: Any) -> None:
    if not isinstance(spec, PairSpec):
        return
    names = columns_of(source)
    if is_pairs(names, spec) and nested_form(names) is None and not may_hold_answers(names, spec.columns.get("response")):
        raise DataError(
            f"{source}: it holds pairs of responses; allowed: one answer a row, with its prompt, or lists of answers",
            fix="probrm score tells of each pair how probably the chosen response is preferred",
        )


def best_of_n(recipe: Recipe, run: Run, answers: Sequence[Conversation], *, risk: Risk = "mean", abstain: float | None = None) -> Ranking:
    """The ranking of n answers to one prompt given in code."""
    batch = recipe.text_batch(run, answers)
    return next(rankings(run, batch, answers, [np.arange(len(answers))], risk=risk, abstain=abstain))


@torch.no_grad()
def rankings(
    run: Run,
    batch: Batch,
    answers: Sequence[Conversation],
    prompts: Sequence[np.ndarray],
    *,
    risk: Risk = "mean",
    abstain: float | None = None,
    own: bool = True,
    progress: Progress = silent,
) -> Iterator[Ranking]:
    """The ranking of each prompt's answers, of whole prompts at a time, since only rewards of one call are joint draws.

    Args:
        run: a fitted run.
        batch: of n answers, as ``Recipe.text_batch`` or ``Recipe.answers`` has them.
        answers: the same n.
        prompts: of each prompt the places of its answers.
        risk: see ``rank_answers``.
        abstain: likewise.
        own: whether what the encoder cannot see of an answer is among what is not known of it.
        progress: shows the prompts.
    """
    tau = run.model.own_spread(run.draws) if own else None
    count = len(next(iter(run.draws.values())))
    with progress.task("Ranking", len(prompts)) as advance, own_random_stream(run.config["seed"]):
        for some in _chunks(prompts, max(1, _NUMBERS // count)):
            rows = np.concatenate(some)
            rewards = run.model.reward(run.draws, batch.subset(torch.from_numpy(rows)))
            if tau is not None and count > 1:
                rewards = own_draws(rewards, tau, [answers[i] for i in rows])
            for part in _split(rewards, some):
                yield rank_answers(part, risk=risk, abstain=abstain)
            advance(len(some))


def _split(rewards: Float[Tensor, "s n"], prompts: Sequence[np.ndarray]) -> Sequence[Float[Tensor, "s k"]]:
    return rewards.split([len(rows) for rows in prompts], -1)


def _chunks(prompts: Sequence[np.ndarray], most: int) -> Iterator[list[np.ndarray]]:
    """Prompts in their order, so many that they have at most that many answers together, but at least one."""
    held: list[np.ndarray] = []
    for rows in prompts:
        if held and sum(map(len, held)) + len(rows) > most:
            yield held
            held = []
        held.append(rows)
    if held:
        yield held
