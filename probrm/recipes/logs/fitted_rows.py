"""The rows of a fitted log, read again."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from probrm.data import Log, LogSpec, read_log
from probrm.encoders import Encoder
from probrm.posterior import predict_rewards
from probrm.progress import Progress, silent
from probrm.recipes.encoding import run_vectors
from probrm.recipes.provenance import fitted_source, fitted_store
from probrm.recipes.recipe import Recipe
from probrm.runs.fitted_rows import FittedRows, RowPredictions, masks
from probrm.runs.run import Run


def fitted_log(run: Run, recipe: Recipe, *, progress: Progress = silent) -> FittedRows:
    """The log of a run as its model was given it.

    Raises:
        DataError: the file has changed or gone since the fit.
        EncoderError: vectors that are not in the cache, and no encoder.
    """
    rows, _ = other_log(
        run, recipe, fitted_source(run), recipe.read_spec(run.config["data"]), embeddings=fitted_store(run), progress=progress
    )
    held_out, selection = masks(rows.ids, run.split, run.config["inference"]["refit"])
    return replace(rows, held_out=held_out, selection=selection)


def other_log(
    run: Run, recipe: Recipe, source: str, spec: LogSpec, *, embeddings: str | Encoder | None = None, progress: Progress = silent
) -> tuple[FittedRows, list[str]]:
    """Any log as the run's model is given it, and notes on it."""
    log = read_log(source, spec, several=getattr(recipe, "several_actions", True))
    encoded = run_vectors(run, log.conversations, embeddings=embeddings, progress=progress)
    batch, nobody = run.inputs.batch(log, encoded.vectors), np.zeros(len(log), bool)
    names = [action.column for action in run.inputs.actions]
    constant, dims = _constant(log, run, {name: column.numpy() for name, column in batch.columns.items()})
    rows = FittedRows(
        batch=batch,
        ids=log.row_id.astype(str),
        texts=[{"prompt": c.prompt_text, "response": c.response} for c in log.conversations],
        observed={name: batch["actions"][:, k].numpy() for k, name in enumerate(names)} or {"action": batch["action"].numpy()},
        constant=constant,
        dims=dims,
        held_out=nobody,
        selection=nobody,
        counts=batch["weight"].numpy(),
    )
    return rows, log.notes + run.inputs.unknown_levels(log) + encoded.notes


def _constant(log: Log, run: Run, columns: dict[str, np.ndarray]) -> tuple[dict[str, np.ndarray], dict[str, tuple[str, ...]]]:
    """What else was known of the rows; what says nothing in this log is left out."""
    found: dict[str, np.ndarray] = {}
    dims: dict[str, tuple[str, ...]] = {}
    for name, dim in (("propensity_covariates", "propensity_effect"), ("reward_covariates", "reward_effect")):
        if columns[name].shape[1]:
            found[name], dims[name] = columns[name], ("row", dim)
    if log.user is not None:
        found["user"] = log.user.astype(str)
    for name in ("label", "known_propensity", "won"):
        if name in columns and not np.isnan(columns[name]).all():
            found[name] = columns[name]
    if (columns["weight"] != 1).any():
        found["weight"] = columns["weight"]
    return found, dims


def row_rewards(run: Run, rows: FittedRows, *, progress: Progress = silent) -> RowPredictions:
    """The reward of each fitted answer."""
    found = predict_rewards(run.model, run.draws, rows.batch, progress=progress)
    return RowPredictions("reward (logit)", found.reward, found.reward_sd, found.reward_low, found.reward_high)


def with_verdicts(rows: FittedRows) -> FittedRows:
    """A verdict in the place of the action, where a row has one: what the naive model is given."""
    label = rows.batch["label"]
    action = torch.where(label.isnan(), rows.batch["action"], label)
    batch = type(rows.batch)({**rows.batch.columns, "action": action}, rows.batch.total)
    return FittedRows(**{**vars(rows), "batch": batch, "observed": {"action": action.numpy()}})
