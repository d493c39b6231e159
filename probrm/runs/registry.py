"""Which models are installed: recipes by name, from every package that registers one."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from probrm.config.flags import ModelFlags
from probrm.errors import ConfigError

GROUP = "probrm.recipes"
"""The entry-point group that models are registered under: ``name = "package.module:RecipeClass"``, or a mapping of
recipes by name."""
FLAGS = "probrm.flags"
"""That of their flags: ``name = "package.flags:MODEL"``, a ``ModelFlags`` or a mapping of them by name, in a module that imports nothing heavy."""


def _entries() -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group=GROUP)}


def recipe_names() -> list[str]:
    """The models that are installed, probrm's own and others'."""
    return sorted(_entries())


def find_recipe(kind: str) -> Any:
    """The recipe registered under ``kind``.

    Raises:
        ConfigError: there is none; lists those there are.
    """
    entries = _entries()
    if kind not in entries:
        raise ConfigError(
            f"unknown model {kind!r}; installed: {', '.join(sorted(entries)) or 'none'}",
            fix="name one of them, or install the package that has it",
        )
    return _one(entries[kind].load(), kind)()


def flags_of(kind: str) -> ModelFlags | None:
    """The flags that a model registers for ``probrm fit``; None without, or where they cannot be imported."""
    entry = next((entry for entry in entry_points(group=FLAGS) if entry.name == kind), None)
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
