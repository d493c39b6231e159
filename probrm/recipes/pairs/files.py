"""Files that are scored or evaluated by a model of pairs: what is read of them, and their vectors."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from probrm.data import Batch, Conversation, LogSpec, Pairs, PairSpec, holds_pairs, read_pairs
from probrm.data.columns.matching import NATIVE
from probrm.encoders import Encoder, EncoderConfig
from probrm.errors import DataError
from probrm.progress import Progress, silent
from probrm.recipes.encoding import run_vectors
from probrm.recipes.pairs.inputs import PairInputs, pair_texts, prompt_conversation
from probrm.recipes.pairs.same_vectors import same_sides
from probrm.runs.run import Run

_ASIDE = ("margin", "weight", "tie", "user_id", "subset", "id", "chosen_score", "rejected_score")
"""Columns that say nothing about which response is which."""
_SIDES = ("prompt", "chosen", "rejected", "response_0", "response_1", "score_0", "score_1", "choice")


def is_pairs(there: Collection[str], spec: PairSpec) -> bool:
    """Whether a file with these columns holds pairs, rather than one response a row.

    Columns that were named for the fitted file and are not in this one do not count.
    """
    return holds_pairs({*there, *(native for native, column in spec.columns.items() if column in there)})


def read_scored_pairs(source: str, spec: PairSpec, there: Collection[str]) -> Pairs:
    """The pairs of a file of one pair a row, ties and all; a score needs the texts alone.

    Raises:
        DataError: the file cannot be used, or a row makes several pairs.
    """
    kept = {native: column for native, column in spec.columns.items() if native in _SIDES or column in there}
    spec = replace(spec, columns=kept | dict.fromkeys(_ASIDE, ""), attributes=(), ties="davidson")
    pairs = read_pairs(source, spec, fitting=False, min_pairs=1)
    if len(np.unique(pairs.rows)) < len(pairs):
        raise DataError(
            f"{source}: {len(pairs)} pairs in {len(np.unique(pairs.rows))} of its rows; allowed: one pair a row, or one response a row",
            fix="write prompt, response or prompt, chosen, rejected into rows of their own",
        )
    return pairs


def single_spec(spec: PairSpec) -> LogSpec:
    """How a file of single responses is read: its texts and nothing else."""
    texts = {name: spec.columns[name] for name in ("prompt", "response") if name in spec.columns}
    return LogSpec(columns={name: "" for name in NATIVE if name not in ("prompt", "messages", "response")} | texts)


def split_sides(vectors: Tensor, m: int) -> tuple[Tensor, Tensor, Tensor | None]:
    """Vectors of ``pair_texts`` as those of chosen sides, rejected sides and prompts (None without)."""
    return vectors[:m], vectors[m : 2 * m], vectors[2 * m :] if len(vectors) > 2 * m else None


def pair_batch(run: Run, pairs: Pairs, *, embeddings: str | Encoder | None = None, progress: Progress = silent) -> tuple[Batch, list[str]]:
    """The pairs of a file as the run's model takes them, and notes of the encoder."""
    inputs: PairInputs = run.inputs
    texts = pair_texts(pairs, EncoderConfig.restore(run.record["encoder"]["config"]), prompts=run.model.uses_prompts)  # type: ignore[arg-type]
    encoded = run_vectors(run, texts, embeddings=embeddings, progress=progress)
    return inputs.batch(pairs, *split_sides(encoded.vectors, len(pairs))), encoded.notes


def fitted_batch(run: Run, pairs: Pairs, *, embeddings: str | Encoder | None = None, progress: Progress = silent) -> tuple[Pairs, Batch]:
    """The pairs of the fitted file that the fit could distinguish, and as the run's model takes them."""
    inputs: PairInputs = run.inputs
    config = EncoderConfig.restore(run.record["encoder"]["config"])
    encoded = run_vectors(run, pair_texts(pairs, config, prompts=run.model.uses_prompts), embeddings=embeddings, progress=progress)  # type: ignore[arg-type]
    chosen, rejected, _ = split_sides(encoded.vectors, len(pairs))
    kept = ~same_sides(chosen, rejected)
    batch = inputs.batch(pairs, *split_sides(encoded.vectors, len(pairs)))
    if kept.all():
        return pairs, batch
    return pairs.take(kept), batch.subset(torch.from_numpy(np.flatnonzero(kept)))


def single_texts(run: Run, conversations: Sequence[Conversation]) -> list[Conversation]:
    """All that is encoded of n responses: themselves and, where the model sees them, their prompts."""
    if not run.model.uses_prompts:
        return list(conversations)
    text = run.record["encoder"]["config"]["text"]
    return [*conversations, *(prompt_conversation(conversation, text) for conversation in conversations)]


def single_batch(run: Run, vectors: Tensor, n: int) -> Batch:
    """Vectors of ``single_texts`` as the run's model takes them."""
    responses, prompts = torch.split(vectors, [n, len(vectors) - n])
    return run.inputs.single(responses, prompts if run.model.uses_prompts else None)
