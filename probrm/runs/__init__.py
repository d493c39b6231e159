"""A fitted run on disk: written whole or not at all, read without retraining and without pickle."""

from __future__ import annotations

from typing import TYPE_CHECKING

from probrm.lazy import lazy

if TYPE_CHECKING:
    from probrm.runs.fitted_rows import FittedRows, RowPredictions
    from probrm.runs.folder import MARKER, RunTakenError, choose_folder, free_folder, replace_file, write_folder
    from probrm.runs.plain import finite
    from probrm.runs.registry import find_recipe, recipe_names
    from probrm.runs.run import Run, load, save_modes

__all__ = [
    "MARKER",
    "FittedRows",
    "RowPredictions",
    "Run",
    "RunTakenError",
    "choose_folder",
    "find_recipe",
    "finite",
    "free_folder",
    "load",
    "recipe_names",
    "replace_file",
    "save_modes",
    "write_folder",
]

__getattr__ = lazy(
    __name__,
    fitted_rows="FittedRows RowPredictions",  # the module's own name is not among them
    folder="MARKER RunTakenError choose_folder free_folder replace_file write_folder",
    plain="finite",
    registry="find_recipe recipe_names",
    run="Run load save_modes",
)
