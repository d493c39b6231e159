"""The posterior of a NetCDF file, read without xarray or ArviZ: a run opens faster than either is imported."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import h5netcdf
import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True)
class StoredPosterior:
    """What a file of ``netcdf_bytes`` holds of the draws.

    Attributes:
        draws: ``(s, *shape)`` by site, chain after chain.
        chains: that they are of.
        sample_stats: ``(s,)`` by name, likewise; a training's history is not among them.
    """

    draws: dict[str, Tensor]
    chains: int
    sample_stats: dict[str, np.ndarray]


def read_posterior(path: Path) -> StoredPosterior:
    """The draws and their statistics, chains concatenated.

    Raises:
        OSError: not a readable NetCDF file.
        KeyError: it has no posterior.
    """
    with h5netcdf.File(path, "r") as file:
        draws = {name: torch.as_tensor(x) for name, x in _sampled(file["posterior"]).items()}
        stats = _sampled(file["sample_stats"]) if "sample_stats" in file.groups else {}
        chains = next((x.shape[0] for x in draws.values()), 1)
    flat = {name: x.flatten(0, 1) for name, x in draws.items()}
    return StoredPosterior(flat, chains, {name: x.reshape(x.shape[0] * x.shape[1], *x.shape[2:]) for name, x in stats.items()})


def _sampled(group: h5netcdf.Group) -> dict[str, np.ndarray]:
    found = {}
    for name, variable in group.variables.items():
        if tuple(variable.dimensions[:2]) == ("chain", "draw"):
            x = variable[...]
            # NetCDF has no truth values: xarray writes bytes and says so beside them.
            found[name] = x.astype(bool) if variable.attrs.get("dtype") == "bool" else x
    return found
