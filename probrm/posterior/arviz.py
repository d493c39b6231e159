"""Draws as ArviZ's InferenceData, and as the NetCDF file that ArviZ opens."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5netcdf
import torch
from torch import Tensor

from probrm.model import RewardModel

if TYPE_CHECKING:
    import arviz


def to_arviz(model: RewardModel, draws: Mapping[str, Tensor], attrs: Mapping[str, Any] | None = None) -> arviz.InferenceData:
    """One chain of draws with named dimensions and coordinates.

    Args:
        model: says what the dimensions are called.
        draws: ``(s, *shape)`` by site.
        attrs: versions, seeds and the like, for the whole.
    """
    import arviz

    known = model.dims()
    dims = {name: list(known[name]) for name, value in draws.items() if name in known and value.dim() > 1}
    used = {dim for names in dims.values() for dim in names}
    # HDF5 ends a text at its first NUL and refuses one with more behind it.
    coords = {name: [label.replace("\0", "�") for label in labels] for name, labels in model.coords().items() if name in used}
    posterior = {name: value.numpy()[None] for name, value in draws.items()}
    return arviz.from_dict(posterior=posterior, dims=dims, coords=coords, attrs=dict(attrs or {}))


def netcdf_bytes(data: arviz.InferenceData) -> memoryview:
    """The content of the file that ``arviz.from_netcdf`` opens.

    Made in memory: HDF5 that meets a full disk prints tracebacks and may end the process with a segmentation fault.
    """
    return data.to_datatree().to_netcdf(engine="h5netcdf")


def read_draws(path: Path) -> dict[str, Tensor]:
    """The draws of a file made by ``netcdf_bytes``, chains concatenated; ArviZ itself is not imported.

    Raises:
        OSError: not a readable NetCDF file.
        KeyError: it has no posterior.
    """
    with h5netcdf.File(path, "r") as file:
        group = file["posterior"]
        variables = {name: variable for name, variable in group.variables.items() if tuple(variable.dimensions[:2]) == ("chain", "draw")}
        arrays = {name: torch.as_tensor(variable[...]) for name, variable in variables.items()}
    return {name: array.reshape(-1, *array.shape[2:]) for name, array in arrays.items()}
