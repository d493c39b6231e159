"""A posterior in ArviZ's groups, as xarray Datasets: https://python.arviz.org/en/stable/schema/schema.html"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from probrm.model import RewardModel
from probrm.posterior.labels import label
from probrm.posterior.row_groups import FittedRowsLike, row_groups
from probrm.progress import Progress, silent

if TYPE_CHECKING:
    import xarray

_HISTORY = {"elbo": "elbo", "rate": "learning_rate", "held_out": "held_out_log_likelihood"}
"""What the training's records are called in the file."""


def posterior_groups(
    model: RewardModel,
    draws: Mapping[str, Tensor],
    *,
    chains: int = 1,
    sample_stats: Mapping[str, np.ndarray | Tensor] | None = None,
    history: Mapping[str, Any] | None = None,
    attrs: Mapping[str, Any] | None = None,
    rows: FittedRowsLike | None = None,
    progress: Progress = silent,
) -> dict[str, xarray.Dataset]:
    """``posterior``, ``sample_stats`` where there are any, and with ``rows`` the four groups that have a number for each row.

    ArviZ is not imported: it takes two seconds, which saving a run is not to wait for.

    Args:
        model: names the dimensions; with ``rows``, gives their likelihood and replicates.
        draws: ``(s, *shape)`` by site, chain after chain.
        chains: that the draws are of.
        sample_stats: ``(s,)`` by ArviZ's name (``diverging``, ``energy``, …; ``log_density`` and ``log_guide`` for a guide).
        history: of a training, ``{"records": [{"step": …, "elbo": …, "rate": …}]}``: variables along a dimension ``step``.
        attrs: of every group (model, seed, versions); texts and numbers stay as they are, all else becomes JSON.
        rows: those that the posterior was fitted to.
        progress: shows the work on ``rows``.

    Raises:
        ValueError: chains of unequal length.
    """
    count = len(next(iter(draws.values())))
    if chains < 1 or count % chains:
        raise ValueError(f"{count} draws are not {chains} chains of equal length")
    said = _attrs(attrs or {})
    groups = {"posterior": _posterior(model, draws, chains)}
    stats = _sample_stats(sample_stats or {}, chains, (history or {}).get("records") or [])
    if stats.variables:
        groups["sample_stats"] = stats
    if rows is not None:
        groups |= row_groups(model, draws, rows, chains=chains, seed=int((attrs or {}).get("seed") or 0), progress=progress)
    return {name: group.assign_attrs(said) for name, group in groups.items()}


def _posterior(model: RewardModel, draws: Mapping[str, Tensor], chains: int) -> xarray.Dataset:
    import xarray

    labels = model.coords()
    variables: dict[str, Any] = {}
    coords: dict[str, Any] = {}
    for name, value in draws.items():
        x = value.detach().cpu().numpy()
        own = tuple(model.axes(name, x.shape[1:]))
        # A dimension of a variable's name would make that variable its labels.
        dims = tuple(f"{dim}_dim" if dim in draws or dim in ("chain", "draw") else dim for dim in own)
        for dim, renamed, size in zip(own, dims, x.shape[1:], strict=True):
            if len(labels.get(dim, ())) == size and size:
                coords[renamed] = np.array([label(text) for text in labels[dim]], dtype=object)
        variables[name] = (("chain", "draw", *dims), x.reshape(chains, len(x) // chains, *x.shape[1:]))
    return xarray.Dataset(variables, coords | _sampled(next(iter(variables.values()))[1]))


def _sample_stats(stats: Mapping[str, np.ndarray | Tensor], chains: int, records: list[dict[str, float]]) -> xarray.Dataset:
    import xarray

    variables: dict[str, Any] = {}
    coords: dict[str, Any] = {}
    for name, value in stats.items():
        x = value.detach().cpu().numpy() if isinstance(value, torch.Tensor) else np.asarray(value)
        variables[name] = (("chain", "draw"), x.reshape(chains, len(x) // chains))
        coords |= _sampled(variables[name][1])
    if records:
        coords["step"] = np.array([record["step"] for record in records], dtype=np.int64)
        for key in dict.fromkeys(key for record in records for key in record if key != "step"):
            values = [record.get(key) for record in records]
            variables[_HISTORY.get(key, key)] = ("step", np.array([np.nan if v is None else v for v in values], dtype=np.float64))
    return xarray.Dataset(variables, coords)


def _sampled(x: np.ndarray) -> dict[str, np.ndarray]:
    return {"chain": np.arange(x.shape[0]), "draw": np.arange(x.shape[1])}


def _attrs(given: Mapping[str, Any]) -> dict[str, Any]:
    """What a file can hold: texts and numbers."""
    own = {
        "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "creation_library": "probrm",
        "inference_library": "pyro",
        "inference_library_version": version("pyro-ppl"),
    }
    found: dict[str, Any] = {}
    for name, value in (own | dict(given)).items():
        if isinstance(value, bool):
            found[name] = int(value)
        elif value is None:
            continue
        else:
            found[name] = label(value) if isinstance(value, str) else value if isinstance(value, int | float) else json.dumps(value)
    return found
