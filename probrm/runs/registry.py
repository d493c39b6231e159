"""Which models are installed: recipes by name, from every package that registers one."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from inspect import isabstract
from typing import Any

from probrm.config.flags import ModelFlags
from probrm.errors import ConfigError

GROUP = "probrm.recipes"
"""The entry-point group that models are registered under: ``name = "package.module:RecipeClass"``, or a mapping of
recipes by name."""
FLAGS = "probrm.flags"
"""That of their flags: ``name = "package.flags:MODEL"``, a ``ModelFlags`` or a mapping of them by name, in a module that imports nothing heavy."""


def _entries(group: str = GROUP) -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in _scanned(entry_points, group, tuple(sys.path))}


@lru_cache(maxsize=8)
def _scanned(scan: Callable[..., Iterable[EntryPoint]], group: str, path: tuple[str, ...]) -> tuple[EntryPoint, ...]:
    """Every package's files on the path are looked at, which takes 10 ms: once in a process."""
    return tuple(scan(group=group))


def recipe_names() -> list[str]:
    """The models that are installed, probrm's own and others'."""
    return sorted(_entries())


def find_recipe(kind: str) -> Any:
    """The recipe registered under ``kind``.

    Raises:
        ConfigError: there is none; lists those there are. Or its package is broken, or its recipe is not whole.
    """
    entries = _entries()
    if kind not in entries:
        raise ConfigError(
            f"unknown model {kind!r}; installed: {', '.join(sorted(entries)) or 'none'}",
            fix="name one of them, or install the package that has it",
        )
    where = entries[kind].value
    try:
        found = _one(entries[kind].load(), kind)
    except (ImportError, AttributeError) as error:
        raise ConfigError(
            f"model {kind!r}: {where} cannot be imported: {error}", fix="correct the package, or install what it needs"
        ) from error
    if missing := _missing(found, kind):
        raise ConfigError(f"model {kind!r}: {where} is not whole: {missing}", fix="docs/your_own_model.md shows a whole one")
    return found()


def _missing(recipe: Any, kind: str) -> str | None:
    """What a recipe lacks that would only be missed when a fit is done."""
    if getattr(recipe, "kind", None) != kind:
        return f"its kind is {getattr(recipe, 'kind', None)!r}; allowed: the name of its entry point, {kind!r}"
    model = getattr(recipe, "model_class", None)
    if model is None:
        return None if isabstract(recipe) is False else "it has no model_class"
    if isabstract(model):
        return f"{model.__name__} does not define {', '.join(sorted(model.__abstractmethods__))}"
    if "from_spec" not in _written(model):
        lacking = [name for name in ("shape_class", "config_class") if not hasattr(model, name)]
        if lacking:
            return f"{model.__name__} has no {' and no '.join(lacking)}"
    return None


def _written(model: type) -> set[str]:
    """What a model's class defines beyond ``RewardModel``."""
    from probrm.model import RewardModel  # torch

    return {name for cls in model.__mro__ if cls is not RewardModel and issubclass(cls, RewardModel) for name in vars(cls)}


def flags_of(kind: str) -> ModelFlags | None:
    """The flags that a model registers for ``probrm fit``; None without, or where they cannot be imported."""
    entry = _entries(FLAGS).get(kind)
    if entry is None:
        return None
    try:
        found = entry.load()
    except ImportError:  # a broken package is told of when its model is asked for
        return None
    return _one(found, kind)


def _one(found: Any, kind: str) -> Any:
    """What is registered under ``kind``: itself, or its entry of a mapping by name."""
    return found[kind] if isinstance(found, Mapping) else found
