"""The pairs that a run was fitted to, read again."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from probrm.data import PairSpec, read_pairs
from probrm.encoders import Encoder
from probrm.inference.device import own_random_stream
from probrm.progress import Progress, silent
from probrm.recipes.pairs.files import fitted_batch
from probrm.recipes.pairs.model import PairModel
from probrm.recipes.pairs.predictions import spread_of_probabilities
from probrm.recipes.pairs.repeats import shares
from probrm.recipes.provenance import fitted_source, fitted_store
from probrm.runs.fitted_rows import FittedRows, RowPredictions, masks
from probrm.runs.run import Run


def fitted_pairs(run: Run, spec: PairSpec, *, discounted: bool, progress: Progress = silent) -> FittedRows:
    """The pairs of a run as its model was given them.

    Args:
        run: fitted.
        spec: how its file is read.
        discounted: whether pairs that share their responses counted for less than one each.
        progress: shows the encoding.

    Raises:
        DataError: the file has changed or gone since the fit.
        EncoderError: vectors that are not in the cache, and no encoder.
    """
    rows, _ = other_pairs(run, fitted_source(run), spec, discounted=discounted, embeddings=fitted_store(run), progress=progress)
    held_out, selection = masks(rows.ids, run.split, run.config["inference"]["refit"])
    return replace(rows, held_out=held_out, selection=selection)


def other_pairs(
    run: Run, source: str, spec: PairSpec, *, discounted: bool = False, embeddings: str | Encoder | None = None, progress: Progress = silent
) -> tuple[FittedRows, list[str]]:
    """Any file of pairs as the run's model is given it, and notes on it; pairs whose sides have the same vector are left out."""
    pairs, batch = fitted_batch(run, read_pairs(source, spec), embeddings=embeddings, progress=progress)
    nobody = np.zeros(len(pairs), bool)
    constant, dims = {}, {}
    if bool((batch["weight"] != 1).any()):
        constant["weight"] = batch["weight"].numpy()
    if pairs.chosen_scores is not None:
        constant["chosen_scores"], dims["chosen_scores"] = pairs.chosen_scores, ("row", "attribute")
    if pairs.rejected_scores is not None:
        constant["rejected_scores"], dims["rejected_scores"] = pairs.rejected_scores, ("row", "attribute")
    if pairs.user is not None:
        constant["user"] = pairs.user.astype(str)
    rows = FittedRows(
        batch=batch,
        ids=pairs.row_id.astype(str),
        texts=[
            {"prompt": a.prompt_text, "chosen": a.response, "rejected": b.response}
            for a, b in zip(pairs.chosen, pairs.rejected, strict=True)
        ],
        observed={"outcome": pairs.outcome},
        constant=constant,
        dims=dims,
        held_out=nobody,
        selection=nobody,
        counts=(batch["weight"] * shares(batch) if discounted else batch["weight"]).numpy(),
    )
    return rows, pairs.notes


@torch.no_grad()
def pair_probabilities(run: Run, rows: FittedRows, *, progress: Progress = silent) -> RowPredictions:
    """The probability of each fitted pair that its chosen response is preferred."""
    assert isinstance(run.model, PairModel)
    with own_random_stream(run.config["seed"]):
        table = spread_of_probabilities(run.model, run.draws, rows.batch, progress=progress)
    return RowPredictions("probability that the chosen response is preferred", table[0], table[3], table[1], table[2])
