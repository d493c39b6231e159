"""A log that is scored: what is read of its file, and its rows as a batch."""

from __future__ import annotations

from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from probrm.data import Batch, Log, LogSpec, PairSpec, read_log, read_table
from probrm.data.columns.matching import NATIVE
from probrm.data.pairs.answer_lists import may_hold_answers, with_rows_of_answers
from probrm.data.pairs.answers import answers_table, nested_form
from probrm.encoders import Encoder
from probrm.errors import ConfigError
from probrm.inspection.columns import columns_of
from probrm.progress import Progress
from probrm.recipes.encoding import run_vectors
from probrm.runs.run import Run

_TEXTS = ("prompt", "messages", "response")


def without_actions(spec: LogSpec, *kept: str) -> LogSpec:
    """The fit's way of reading, for files that may lack what only a fit needs.

    A reward depends on the texts and the reward's covariates; actions, users and propensity covariates do not matter to it.

    Args:
        spec: of the fitted log.
        kept: native columns that are read in addition to the texts.
    """
    kept = (*_TEXTS, *kept)
    columns = {name: "" for name in NATIVE if name not in kept} | {name: column for name, column in spec.columns.items() if name in kept}
    return replace(spec, columns=columns, propensity_features=(), derive=(), actions=(), feedback=None, on=None, labels=None)


def read_answers(source: str, spec: LogSpec) -> Log:
    """The answers of a file that is to be scored; its table has one a row, also where the file has trees or conversations.

    Raises:
        DataError: the file cannot be used.
    """
    there = columns_of(source)
    form, table, notes = nested_form(there), None, []
    if form is not None:
        table, note = answers_table(read_table(source), form, source)
        notes.append(note)
    elif may_hold_answers(there, spec.columns.get("response")):
        texts = PairSpec(columns={name: column for name, column in spec.columns.items() if name == "response" and column})
        table = with_rows_of_answers(read_table(source), texts, source, notes, rated=False)
    if table is not None:
        spec = replace(spec, columns={name: column for name, column in spec.columns.items() if not column or column in table.column_names})
    log = read_log(source, spec, require=(), min_rows=1, drop_unshown=False, given=table)
    log.notes[:0] = notes
    return log


def check_texts_suffice(run: Run) -> None:
    """Refuses, before anything is encoded, a run of which texts alone have no reward.

    Raises:
        ConfigError: the run's reward has covariates, which a text alone does not carry.
    """
    if run.inputs.reward.names:
        raise ConfigError(
            f"the run's reward has covariates ({', '.join(run.inputs.reward.names)}), which texts alone do not carry",
            fix="score a file that has them, one answer a row: probrm score RUN --data FILE --out FILE",
        )


def text_batch(run: Run, vectors: Float[Tensor, "n d"]) -> Batch:
    """Answers of which only the texts are known.

    Args:
        run: fitted to a log; texts suffice.
        vectors: of n answers.
    """
    n = len(vectors)
    return Batch({"embedding": run.inputs.scaled(vectors), "reward_covariates": torch.zeros(n, 0)}, n)


def scored_batch(run: Run, log: Log, embeddings: str | Encoder | None, progress: Progress) -> tuple[Batch, list[str]]:
    """The rows of a file without what only a propensity sees, and notes."""
    encoded = run_vectors(run, log.conversations, embeddings=embeddings, progress=progress)
    batch = run.inputs.batch(log, encoded.vectors, covariates=False)
    return batch, log.notes + run.inputs.unknown_levels(log) + encoded.notes
