"""Whether a run still fits: new rows against those that it was fitted to."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch

from probrm.data import Batch
from probrm.diagnostics import Check, predictive_checks
from probrm.diagnostics.shift import Shift, two_sample_shift
from probrm.encoders import Encoder
from probrm.errors import DataError
from probrm.inference.device import own_random_stream
from probrm.progress import Progress, silent
from probrm.runs.fitted_rows import FittedRows
from probrm.runs.registry import find_recipe
from probrm.runs.run import Run

LEVEL = 0.01
"""Probability of a false alarm of either part: the texts, and all groups of what was observed together."""
_ROWS, _DRAWS = 20_000, 200
_SIDES = ("embedding", "chosen", "rejected")


@dataclass(frozen=True)
class Drift:
    """What has moved, as far as it can be told.

    Attributes:
        rows: of the new file.
        fitted: of the file of the fit.
        texts: whether new answers can be told from the fitted ones; None where prompts of one of the two are too few.
        observed: checks of what was observed in the new rows against what the run predicts of them.
        log_likelihood: mean of the new rows, nats.
        fitted_log_likelihood: of the fitted rows.
        moved: what departs beyond chance, in words.
        notes: on the data.
    """

    rows: int
    fitted: int
    texts: Shift | None
    observed: list[Check]
    log_likelihood: float | None
    fitted_log_likelihood: float | None
    moved: list[str]
    notes: list[str]

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


@torch.no_grad()
def drift(run: Run, source: str, spec: Any, *, embeddings: str | Encoder | None = None, progress: Progress = silent) -> Drift:
    """Compares a file with the one that a run was fitted to.

    Args:
        run: fitted; its file is read again.
        source: new rows of the same kind.
        spec: how they are read.
        embeddings: a store of their vectors.
        progress: shows the encoding.

    Raises:
        DataError: a file cannot be used, or that of the fit has gone.
    """
    recipe = find_recipe(run.kind)
    new, notes = recipe.other_rows(run, source, spec, embeddings=embeddings, progress=progress)
    old = recipe.fitted_rows(run, progress=progress)
    if list(new.texts) == list(old.texts) and all(
        np.array_equal(new.observed[name], old.observed[name], equal_nan=True) for name in new.observed.keys() & old.observed.keys()
    ):
        raise DataError(f"{source}: its rows are those that the run was fitted to", fix="give rows that came later")
    new, old = _some(new, notes, "new"), _some(old, notes, "fitted")
    seed = int(run.config["seed"])
    shift = two_sample_shift(_vectors(old), _vectors(new), _groups(old), _groups(new), seed=seed)
    with own_random_stream(seed):
        checks, ours, theirs = _observed(run, new, old, notes, seed)
    return Drift(len(new), len(old), shift, checks, ours, theirs, _moved(shift, checks), notes)


def _moved(shift: Shift | None, checks: list[Check]) -> list[str]:
    found = []
    if shift is not None and shift.p < LEVEL:
        found.append(f"the texts: new answers are told from the fitted ones with AUROC {shift.auroc:.2f} (p = {shift.p:.1g})")
    found += [
        f"what was observed, by {check.name}: {check.observed:.0f} in the group {check.group!r} where {check.expected:.1f} were predicted (p = {check.p:.1g})"
        for check in checks
        if check.p < LEVEL
    ]
    return found


def _some(rows: FittedRows, notes: list[str], what: str) -> FittedRows:
    """A random part of very many."""
    if len(rows) <= _ROWS:
        return rows
    notes.append(f"{_ROWS} of {len(rows)} {what} rows are looked at, drawn at random")
    at = np.sort(np.random.default_rng(0).permutation(len(rows))[:_ROWS])
    parts = {name: {key: value[at] for key, value in getattr(rows, name).items()} for name in ("observed", "constant")}
    masks = {name: getattr(rows, name)[at] for name in ("ids", "held_out", "selection", "counts")}
    return FittedRows(batch=rows.batch.subset(torch.from_numpy(at)), texts=[rows.texts[i] for i in at], dims=rows.dims, **parts, **masks)


def _vectors(rows: FittedRows) -> np.ndarray:
    return np.concatenate([rows.batch[name].numpy() for name in _SIDES if name in rows.batch])


def _groups(rows: FittedRows) -> list[str]:
    return [text["prompt"] for text in rows.texts] * sum(name in rows.batch for name in _SIDES)


def _observed(run: Run, new: FittedRows, old: FittedRows, notes: list[str], seed: int) -> tuple[list[Check], float | None, float | None]:
    """Checks of the new rows, and the mean log-likelihood of both."""
    column = run.model.observed
    if list(new.observed) != [column] or list(old.observed) != [column]:
        notes.append("several actions a row: what was observed is not compared, only the texts")
        return [], None, None
    draws = {name: value[:: max(1, len(value) // _DRAWS)] for name, value in run.draws.items()}
    new_free, old_free = (_without_verdict(rows.batch) for rows in (new, old))
    if len(new_free) < 20:
        notes.append(f"{len(new_free)} new rows without a verdict: too few to compare what was observed")
        return [], None, None
    batch = new.batch.subset(new_free)
    at = new_free.numpy()
    ones, zeros = (
        run.model.log_likelihood(draws, Batch({**batch.columns, column: torch.full((len(batch),), level)}, len(batch)))
        .exp()
        .double()
        .numpy()
        for level in (1.0, 0.0)
    )
    seen = batch[column].numpy()
    columns = _columns(run, new, at)
    if column == "outcome":  # files have the preferred response first: a coin decides which of the two is called the first
        coin = np.random.default_rng(seed).random(len(at)) < 0.5
        probability, event = np.where(coin, ones, zeros), np.where(coin, seen == 1, seen == 0).astype(np.float64)
        columns = {name: np.where(coin, value, -value) if name.startswith("difference") else value for name, value in columns.items()}
    else:
        probability, event = ones, seen.astype(np.float64)
        columns = {"all rows": np.full(len(at), "all"), **columns}
    columns["predicted probability"] = probability.mean(0)
    # Holm's adjustment multiplies the smallest p by the number of columns: there have to be enough replicates for it to stay below the level.
    checks = predictive_checks(event, np.clip(probability, 0, 1), columns, seed, replicates=max(4000, int(4 * len(columns) / LEVEL)))
    each = [float(run.model.log_likelihood(draws, rows).exp().mean(0).log().mean()) for rows in (batch, old.batch.subset(old_free))]
    return checks, each[0], each[1]


def _without_verdict(batch: Batch) -> torch.Tensor:
    return batch["label"].isnan().nonzero()[:, 0] if "label" in batch else torch.arange(len(batch))


def _columns(run: Run, rows: FittedRows, at: np.ndarray) -> dict[str, np.ndarray]:
    """By what the rows are grouped: lengths, and each covariate."""
    texts = [rows.texts[i] for i in at]
    if "chosen" in texts[0]:
        return {"difference of lengths": np.array([len(text["chosen"]) - len(text["rejected"]) for text in texts], np.float64)}
    found = {"length of the answer": np.array([len(text["response"]) for text in texts], np.float64)}
    for name, names in (
        ("propensity_covariates", run.model.shape.propensity_effects),
        ("reward_covariates", run.model.shape.reward_effects),
    ):
        values = rows.batch[name].numpy()[at]
        found |= {label: values[:, i] for i, label in enumerate(names)}
    return found
