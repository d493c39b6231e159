"""The groups of an ArviZ file that hold a number for each row that was fitted to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from probrm.data.batch import Batch
from probrm.model import RewardModel, Values
from probrm.posterior.labels import distinct, label, variable
from probrm.progress import Progress, silent

if TYPE_CHECKING:
    import xarray

MOST = 50_000_000
"""Numbers (draws × rows) that a group holds at most: 200 MB. Beyond that, every second, third, … draw is kept."""
_CHUNK = 4_000_000
"""Numbers that are computed at once."""


class FittedRowsLike(Protocol):
    """The rows of a fit: ``probrm.runs.FittedRows``.

    ``batch`` has the columns that the model reads, ``ids (n,)`` the rows' names, ``observed`` and ``constant`` what goes into the file
    by name, each ``(n, …)``, ``dims`` the names of all dimensions of those that have more than one, and ``held_out (n,)`` says which
    rows the posterior has not seen.
    """

    @property
    def batch(self) -> Batch: ...  # noqa: D102
    @property
    def ids(self) -> np.ndarray: ...  # noqa: D102
    @property
    def observed(self) -> Mapping[str, np.ndarray]: ...  # noqa: D102
    @property
    def constant(self) -> Mapping[str, np.ndarray]: ...  # noqa: D102
    @property
    def dims(self) -> Mapping[str, tuple[str, ...]]: ...  # noqa: D102
    @property
    def held_out(self) -> np.ndarray: ...  # noqa: D102


@torch.no_grad()
def pointwise_log_likelihood(
    model: RewardModel, draws: Values, batch: Batch, *, progress: Progress = silent, label: str = "log-likelihood"
) -> Float[Tensor, "s n"]:
    """``log p(observed in the row | globals)`` of each draw and row, in chunks of rows; float32 on the CPU.

    Args:
        model: any.
        draws: ``(s, *shape)`` by site.
        batch: n rows.
        progress: a bar, a unit a row.
        label: of the bar.
    """
    count = len(next(iter(draws.values())))
    found = torch.empty(count, len(batch))
    step = max(1, _CHUNK // count)
    with progress.task(label, len(batch)) as advance:
        for start in range(0, len(batch), step):
            part = batch.slice(start, min(start + step, len(batch)))
            found[:, start : start + len(part)] = model.log_likelihood(draws, part).float().cpu()
            advance(len(part))
    return found


@torch.no_grad()
def row_groups(
    model: RewardModel, draws: Values, rows: FittedRowsLike, *, chains: int = 1, seed: int = 0, progress: Progress = silent
) -> dict[str, xarray.Dataset]:
    """``posterior_predictive``, ``observed_data``, ``log_likelihood`` and ``constant_data`` of the rows that the posterior has seen.

    Args:
        model: that was fitted.
        draws: ``(s, *shape)`` by site, chain after chain.
        rows: with those held out, which are left out here: a leave-one-out estimate has nothing to leave out of them.
        chains: that the draws are of.
        seed: of the replicates.
        progress: a bar each for the likelihood and the replicates.
    """
    import xarray

    seen = np.flatnonzero(~np.asarray(rows.held_out, dtype=bool))
    batch = rows.batch.subset(torch.as_tensor(seen))
    count = len(next(iter(draws.values())))
    place, kept = thinned(count, chains, len(seen))
    thin = {name: value[place] for name, value in draws.items()}
    row = {"row": np.array(distinct(np.asarray(rows.ids)[seen]), dtype=object)}
    sampled = {"chain": np.arange(chains), "draw": kept}
    dims = ("chain", "draw", "row")
    shape = (chains, len(kept), len(seen))

    likelihood = pointwise_log_likelihood(model, thin, batch, progress=progress)
    name = variable(_observed_name(model, rows), (*dims,))
    groups = {"log_likelihood": xarray.Dataset({name: (dims, likelihood.numpy().reshape(shape))}, sampled | row)}
    replicates = {
        variable(key, dims): (dims, value.reshape(shape)) for key, value in _replicates(model, thin, batch, seed, progress).items()
    }
    groups["posterior_predictive"] = xarray.Dataset(replicates, sampled | row)
    groups["observed_data"] = _columns(rows.observed, seen, rows.dims, model.coords(), row)
    groups["constant_data"] = _columns(rows.constant, seen, rows.dims, model.coords(), row)
    return groups


def thinned(count: int, chains: int, rows: int) -> tuple[Int[Tensor, " k"], np.ndarray]:
    """Which of ``count`` draws are kept, chain after chain, and their numbers within a chain."""
    each = count // chains
    most = max(1, MOST // max(1, rows * chains))
    kept = np.unique(np.linspace(0, each - 1, min(each, most)).round().astype(np.int64))
    return torch.as_tensor((np.arange(chains)[:, None] * each + kept).ravel()), kept


def _observed_name(model: RewardModel, rows: FittedRowsLike) -> str:
    """The likelihood is called what was observed; that of several things together by the model's own column."""
    return next(iter(rows.observed)) if len(rows.observed) == 1 else model.observed


def _replicates(model: RewardModel, draws: Values, batch: Batch, seed: int, progress: Progress) -> dict[str, np.ndarray]:
    parts: dict[str, list[np.ndarray]] = {}
    step = max(1, _CHUNK // len(next(iter(draws.values()))))
    with torch.random.fork_rng(devices=[]), progress.task("replicates", len(batch)) as advance:
        torch.manual_seed(seed)
        for start in range(0, len(batch), step):
            part = batch.slice(start, min(start + step, len(batch)))
            for name, value in model.replicate(draws, part).items():
                parts.setdefault(name, []).append(_small(value.cpu().numpy()))
            advance(len(part))
    return {name: np.concatenate(values, axis=-1) for name, values in parts.items()}


def _small(x: np.ndarray) -> np.ndarray:
    """Whole numbers as such: ArviZ draws their frequencies rather than a smooth density, and the file is small."""
    if x.dtype.kind != "f" or not x.size:
        return x
    return x.astype(np.int8) if np.isfinite(x).all() and (np.abs(x) < 127).all() and (x == x.round()).all() else x.astype(np.float32)


def _columns(
    columns: Mapping[str, np.ndarray], seen: np.ndarray, dims: Mapping[str, tuple[str, ...]], labels: Mapping[str, list[str]], row: Any
) -> xarray.Dataset:
    import xarray

    variables: dict[str, Any] = {}
    coords: dict[str, Any] = dict(row)
    used = {"row", "chain", "draw", *(dim for names in dims.values() for dim in names)}
    for name, values in columns.items():
        x = np.asarray(values)[seen]
        if x.dtype.kind in "OUS":
            x = np.array([label("" if value is None else value) for value in x.ravel()], dtype=object).reshape(x.shape)
        called = variable(name, used | variables.keys())
        own = tuple(dims.get(name, ()))
        own = own if len(own) == x.ndim else ("row", *(f"{called}_dim_{i}" for i in range(x.ndim - 1)))
        for dim, size in zip(own[1:], x.shape[1:], strict=True):
            if len(labels.get(dim, ())) == size and size:
                coords[dim] = np.array([label(text) for text in labels[dim]], dtype=object)
        variables[called] = (own, _small(x) if name in columns and x.dtype.kind == "f" else x)
    return xarray.Dataset(variables, coords)
