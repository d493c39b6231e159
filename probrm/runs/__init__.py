"""A fitted run on disk: written whole or not at all, read without retraining and without pickle."""

from probrm.runs.folder import MARKER, choose_folder, free_folder, replace_file, write_folder
from probrm.runs.plain import finite
from probrm.runs.recipe import Recipe, find_recipe, recipe_names
from probrm.runs.run import Run, load

__all__ = [
    "MARKER",
    "Recipe",
    "Run",
    "choose_folder",
    "find_recipe",
    "finite",
    "free_folder",
    "load",
    "recipe_names",
    "replace_file",
    "write_folder",
]
