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
_ROWS, _DRAWS, _LEAST = 20_000, 200, 20
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
        fitted_log_likelihood: of the rows that the posterior has seen.
        held_out_log_likelihood: of those of the fitted file that it has not seen; None where there are none.
        moved: what departs beyond chance, in words.
        notes: on the data.
    """

    rows: int
    fitted: int
    texts: Shift | None
    observed: list[Check]
    log_likelihood: float | None
    fitted_log_likelihood: float | None
    held_out_log_likelihood: float | None
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
    new = _unseen(new, old, source, notes)
    new, old = _some(new, notes, "new"), _some(old, notes, "fitted")
    seed = int(run.config["seed"])
    shift = two_sample_shift(_vectors(old), _vectors(new), _groups(old), _groups(new), seed=seed)
    if shift is None:
        notes.append("the texts are not compared: too few users, or prompts where there are no users")
    with own_random_stream(seed):
        checks, means = _observed(run, new, old, notes, seed)
    return Drift(len(new), len(old), shift, checks, *means, _moved(shift, checks), notes)


def _unseen(new: FittedRows, old: FittedRows, source: str, notes: list[str]) -> FittedRows:
    """Without rows that the fit has seen: it has learned what they did."""

    def keys(rows: FittedRows) -> list[tuple[Any, ...]]:
        users = rows.constant.get("user", np.zeros(len(rows)))
        observed = zip(*(np.nan_to_num(value, nan=-1.0).tolist() for value in rows.observed.values()), strict=True)
        return [(*text.values(), str(user), *seen) for text, user, seen in zip(rows.texts, users.tolist(), observed, strict=True)]

    known = set(keys(old))
    kept = np.flatnonzero([key not in known for key in keys(new)])
    if len(kept) < _LEAST:
        raise DataError(
            f"{source}: {len(new) - len(kept)} of its {len(new)} rows are among those that the run was fitted to; allowed: {_LEAST} others or more",
            fix="give rows that came later",
        )
    if len(kept) < len(new):
        notes.append(f"{len(new) - len(kept)} of {len(new)} rows are among those that the run was fitted to, and left out")
    return _taken(new, kept)


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
    return _taken(rows, np.sort(np.random.default_rng(0).permutation(len(rows))[:_ROWS]))


def _taken(rows: FittedRows, at: np.ndarray) -> FittedRows:
    parts = {name: {key: value[at] for key, value in getattr(rows, name).items()} for name in ("observed", "constant")}
    masks = {name: getattr(rows, name)[at] for name in ("ids", "held_out", "selection", "counts")}
    return FittedRows(batch=rows.batch.subset(torch.from_numpy(at)), texts=[rows.texts[i] for i in at], dims=rows.dims, **parts, **masks)


def _vectors(rows: FittedRows) -> np.ndarray:
    return np.concatenate([rows.batch[name].numpy() for name in _SIDES if name in rows.batch])


def _groups(rows: FittedRows) -> list[str]:
    """What makes rows alike whatever the time: their user, or where there are none their prompt."""
    names = rows.constant["user"].tolist() if "user" in rows.constant else [text["prompt"] for text in rows.texts]
    return [str(name) for name in names] * sum(name in rows.batch for name in _SIDES)


Means = tuple[float | None, float | None, float | None]


def _observed(run: Run, new: FittedRows, old: FittedRows, notes: list[str], seed: int) -> tuple[list[Check], Means]:
    """Checks of the new rows, and mean log-likelihoods: theirs, of fitted rows, of held-out ones."""
    column = run.model.observed
    if list(new.observed) != [column] or list(old.observed) != [column]:
        notes.append("several actions a row: what was observed is not compared, only the texts")
        return [], (None, None, None)
    draws = {name: value[:: max(1, len(value) // _DRAWS)] for name, value in run.draws.items()}
    at = np.flatnonzero(_without_verdict(new.batch))
    if run.model.own_spread(draws) is not None:  # what is an answer's own moves all its rows: one of them is taken
        first = np.unique([f"{text['prompt']}\0{text['response']}" for text in (new.texts[i] for i in at.tolist())], return_index=True)[1]
        if len(first) < len(at):
            notes.append(f"{len(at) - len(first)} rows show an answer that another row shows: one row of each answer is looked at")
        at = at[np.sort(first)]
    if len(at) < _LEAST:
        notes.append(f"{len(at)} new rows without a label: too few to compare what was observed")
        return [], (None, None, None)
    batch = new.batch.subset(torch.from_numpy(at))
    ones, zeros = (
        run.model.log_likelihood(draws, Batch({**batch.columns, column: torch.full((len(batch),), level)}, len(batch)))
        .exp()
        .double()
        .numpy()
        for level in (1.0, 0.0)
    )
    seen = batch[column].numpy()
    columns = _columns(run, new, at)
    if column == "outcome":  # files have the preferred response first: which of the two is called the first is drawn at random
        coin = np.random.default_rng(seed).random(len(at)) < 0.5
        probability, event = np.where(coin, ones, zeros), np.where(coin, seen == 1, seen == 0).astype(np.float64)
        columns = {name: np.where(coin, value, -value) if name.startswith("difference") else value for name, value in columns.items()}
    else:
        probability, event = ones, seen.astype(np.float64)
        columns = {"all rows": np.full(len(at), "all"), **columns}
    columns["predicted probability"] = probability.mean(0)
    # Holm's adjustment multiplies the smallest p by the number of columns: there have to be enough replicates for it to stay below the level.
    checks = predictive_checks(event, np.clip(probability, 0, 1), columns, seed, replicates=max(4000, int(4 * len(columns) / LEVEL)))
    free = _without_verdict(old.batch)
    sets = (batch, *(old.batch.subset(torch.from_numpy(np.flatnonzero(free & part))) for part in (~old.held_out, old.held_out)))
    first, second, third = (float(run.model.log_likelihood(draws, rows).exp().mean(0).log().mean()) if len(rows) else None for rows in sets)
    return checks, (first, second, third)


def _without_verdict(batch: Batch) -> np.ndarray:
    return batch["label"].isnan().numpy() if "label" in batch else np.ones(len(batch), bool)


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
