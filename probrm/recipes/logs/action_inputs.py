"""From a log's several actions and comparisons to columns of a batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from probrm.actions import Click
from probrm.data import Log
from probrm.data.logs.actions import ActionSpec
from probrm.errors import DataError

_ONE = ActionSpec("action")
_FIX = "allow them with --set action.false_rate=0.02, or remove one of the two"


def fit_actions(log: Log) -> tuple[ActionSpec, ...]:
    """What the model is told about a log's actions; nothing where there is a single one and no comparison.

    A log with comparisons has its single action as a list of one: the model of several actions knows comparisons.
    """
    if log.actions is None:
        return (_ONE,) if log.won is not None and bool(np.isfinite(log.won).any()) else ()
    found = []
    for spec in log.action_specs:
        if spec.kind == "log-normal":
            seconds = np.log(log.actions[spec.column].astype(np.float64))
            spec = replace(spec, centre=float(np.nanmean(seconds)), spread=float(np.nanstd(seconds)))
        found.append(spec)
    return tuple(found)


def action_columns(log: Log, specs: Sequence[ActionSpec]) -> dict[str, Tensor]:
    """Columns ``actions (n, K)``, NaN where one was not observed, and ``action (n,)``: what a naive reader takes for the label.

    A level that the fit has not seen counts as not observed.
    """
    if log.actions is None:
        action = np.zeros(len(log), np.float32) if log.action is None else log.action
        columns = {"action": torch.from_numpy(action)}
        return columns | {"actions": columns["action"][:, None].clone()} if specs else columns
    read = {spec.column: spec for spec in log.action_specs}
    values = []
    for spec in specs:
        value = log.actions[spec.column]
        if spec.kind == "ordinal" and read[spec.column].levels != spec.levels:  # another file than the fit's
            code = {level: float(i) for i, level in enumerate(spec.levels)}
            known = np.array([code.get(level, np.nan) for level in read[spec.column].levels], np.float32)
            value = np.where(np.isnan(value), np.nan, known[np.nan_to_num(value).astype(int)]).astype(np.float32)
        values.append(value)
    return {"actions": torch.from_numpy(np.stack(values, 1)), "action": torch.from_numpy(naive_action(values, specs))}


def naive_action(values: Sequence[np.ndarray], specs: Sequence[ActionSpec]) -> np.ndarray:
    """float32 (n,): 1 where any binary action that speaks for the answer was taken.

    Where none is listed, the first action decides: 1 above its median (below it for one that speaks against), 0 where it is missing.
    """
    plain = [value for value, spec in zip(values, specs, strict=True) if spec.kind == "binary" and not spec.against]
    if plain:
        return (np.stack(plain) == 1).any(0).astype(np.float32)
    first = -values[0] if specs[0].against else values[0]
    middle = np.nanmedian(first)
    above = first > middle
    # Where half of the rows or more share the highest value, nothing lies above the median.
    return (above if above.any() else first >= middle).astype(np.float32)


def comparison_columns(log: Log, embedding: Float[Tensor, "n d"], covariates: Float[Tensor, "n m"]) -> dict[str, Tensor]:
    """Columns ``won (n,)``, ``rival_embedding (n, d)`` and ``rival_reward_covariates (n, m)``; zeros where nothing was compared."""
    if log.won is None or log.rival is None or not np.isfinite(log.won).any():
        return {}
    won = torch.from_numpy(log.won)
    compared = (~won.isnan())[:, None]
    rival = torch.from_numpy(np.maximum(log.rival, 0))
    return {
        "won": won,
        "rival_embedding": torch.where(compared, embedding[rival], 0.0),
        "rival_reward_covariates": torch.where(compared, covariates[rival], 0.0),
    }


def check_several(log: Log, action: Click) -> None:
    """Without false actions, no row has an action for and one against the answer, nor one against its label.

    Raises:
        DataError: there are such rows and ``action.false_rate`` is 0.
    """
    if log.actions is None or action.false_rate != 0.0:
        return
    taken = [(s.column, s.against, log.actions[s.column] == 1) for s in log.action_specs if s.kind == "binary"]
    if log.label is not None:
        taken += [
            (f"{log.label[rows][0]:.0f} as its label", against, rows)
            for against in (False, True)
            if (rows := log.label == 1 - against).any()
        ]
    for i, (name, against, rows) in enumerate(taken):
        for other, otherwise, also in taken[i + 1 :]:
            both = np.flatnonzero(rows & also)
            if against != otherwise and len(both):
                raise DataError(
                    f"{log.source}, row {log.rows[both[0]] + 1}: it has {name} and {other} ({len(both)} such rows), of which one speaks for "
                    "and one against the answer; the model has no false actions unless told so",
                    fix=_FIX,
                )
