"""The posterior of a NetCDF file, read without xarray or ArviZ: a run opens faster than either is imported, and nothing in the file is
followed out of it."""

from __future__ import annotations

import io
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import torch
from torch import Tensor

_MOST = 10_000
"""Variables of a group."""


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


def read_posterior(source: Path | bytes) -> StoredPosterior:
    """The draws and their statistics, chains concatenated; of a file, or of its content.

    Raises:
        OSError: not a readable NetCDF file.
        KeyError: it has no posterior.
        ValueError: it is not of the form of ``netcdf_bytes``: it refers to other files, or is larger than what is written in it.
    """
    file = io.BytesIO(source) if isinstance(source, bytes) else source
    with h5py.File(file, "r") as whole:
        check_plain(whole, ("posterior", "sample_stats"))
        draws = {name: torch.as_tensor(x) for name, x in _sampled(whole, "posterior").items()}
        stats = _sampled(whole, "sample_stats") if "sample_stats" in whole else {}
    chains = {x.shape[:2] for x in [*draws.values(), *stats.values()]}
    if len(chains) != 1:
        raise ValueError(f"its variables have {len(chains)} numbers of chains and draws; allowed: one")
    flat = {name: x.flatten(0, 1) for name, x in draws.items()}
    return StoredPosterior(flat, chains.pop()[0], {name: x.reshape(x.shape[0] * x.shape[1], *x.shape[2:]) for name, x in stats.items()})


def check_plain(file: h5py.File, read: Collection[str]) -> None:
    """Groups of variables that are written in this file; those of the groups that are read, uncompressed and whole.

    Args:
        read: names of the groups whose numbers are read. What ``netcdf_bytes`` writes of rows beside them is compressed.

    Raises:
        ValueError: links to other files or places, external or virtual storage, or in what is read filters, or numbers that are
            declared and not written.
    """
    for group_name, group in _members(file):
        if not isinstance(group, h5py.Group):
            raise ValueError(f"{group_name} is no group")
        for name, variable in _members(group):
            what = f"{group_name}/{name}"
            if isinstance(variable, h5py.Group):
                raise ValueError(f"{what} is a group inside a group")
            if not isinstance(variable, h5py.Dataset):
                continue
            if variable.is_virtual or variable.external:
                raise ValueError(f"{what} refers to other files")
            if group_name not in read:
                continue
            if variable.id.get_create_plist().get_nfilters():
                raise ValueError(f"{what} is compressed, which a run's draws never are")
            if variable.ndim > 1 and variable.id.get_storage_size() < variable.size * variable.dtype.itemsize:
                raise ValueError(f"{what} declares {variable.size} numbers that are not written")


def _members(group: h5py.Group) -> Iterator[tuple[str, Any]]:
    if len(group) > _MOST:
        raise ValueError(f"{group.name} has more than {_MOST} members")
    for name in group:
        if not isinstance(group.get(name, getlink=True), h5py.HardLink):
            raise ValueError(f"{group.name}: {name!r} is a link to another place")
        yield str(name), group[name]


def _sampled(file: h5py.File, name: str) -> dict[str, np.ndarray]:
    """Variables along chains and draws. Attributes and scales are not asked for: where they are damaged, HDF5 may never answer."""
    group, found = file[name], {}
    if not isinstance(group, h5py.Group):
        raise ValueError(f"{name} is no group")
    sizes = tuple(one.size if isinstance(one := group.get(axis), h5py.Dataset) and one.ndim == 1 else -1 for axis in ("chain", "draw"))
    for key, variable in group.items():
        if isinstance(variable, h5py.Dataset) and variable.shape[:2] == sizes and variable.dtype.kind in "fiub":
            x = variable[...]
            found[key] = x.astype(bool) if x.itemsize == 1 else x  # NetCDF has no truth values: xarray writes bytes
    return found
