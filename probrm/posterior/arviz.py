"""Groups as the container of the installed ArviZ, and as the NetCDF file that it opens.

It needs neither torch nor the rest of probrm: ArviZ 1.x asks for a newer Python than torch may be had for.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import arviz
    import xarray

_LARGE = ("posterior_predictive", "log_likelihood", "constant_data")
"""Groups that are compressed: they have a number, or a thousand, for each row."""


def to_arviz(groups: Mapping[str, xarray.Dataset]) -> arviz.InferenceData:
    """What ArviZ's functions take: its ``InferenceData`` before version 1, xarray's ``DataTree`` since.

    Args:
        groups: by name, as ``posterior_groups`` makes them; the posterior's attributes are the whole's, too.
    """
    import arviz

    if int(arviz.__version__.split(".")[0]) >= 1:
        return _tree(groups)  # type: ignore[return-value]
    by_name: dict[str, Any] = dict(groups)
    return arviz.InferenceData(attrs=_attrs(groups), **by_name)


def netcdf_bytes(groups: Mapping[str, xarray.Dataset]) -> memoryview:
    """The content of the file that ``arviz.from_netcdf`` and xarray's ``open_datatree`` open.

    Made in memory: HDF5 that meets a full disk prints tracebacks and may end the process with a segmentation fault.
    """
    encoding: dict[str, Any] = {}
    for name in _LARGE:
        if name in groups:
            found = {key: _compressed(value) for key, value in groups[name].data_vars.items() if value.size and value.dtype.kind in "biuf"}
            encoding[f"/{name}"] = found
    content = _tree(groups).to_netcdf(engine="h5netcdf", encoding=encoding)
    assert content is not None
    return content


def _compressed(value: xarray.DataArray) -> dict[str, Any]:
    """Level 1 is a third of the time of level 4 for a few percent of the size."""
    return {"zlib": True, "complevel": 1, "shuffle": value.dtype.itemsize > 1}


def _attrs(groups: Mapping[str, xarray.Dataset]) -> dict[str, Any]:
    return dict(groups["posterior"].attrs) if "posterior" in groups else {}


def _tree(groups: Mapping[str, xarray.Dataset]) -> xarray.DataTree:
    import xarray

    return xarray.DataTree.from_dict({"/": xarray.Dataset(attrs=_attrs(groups)), **groups})
