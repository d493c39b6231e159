"""Rooms whose names are loaded on first use, so that importing one costs nothing until something of it is needed."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any


def lazy(package: str, **homes: str) -> Callable[[str], Any]:
    """The ``__getattr__`` of a package (PEP 562): ``__getattr__ = lazy(__name__, log="Log read_log", split="Split")``.

    The same names stand in the package's ``__all__`` and, for type checkers, in its imports under ``TYPE_CHECKING``. A name
    cannot be a submodule's too: Python would put the module in its place. ``dir()`` of the package shows them.

    Args:
        package: its full name.
        homes: submodule → the names that live in it, a blank between them.
    """
    home = {name: module for module, names in homes.items() for name in names.split()}

    def load(name: str) -> Any:
        if name not in home:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(f"{package}.{home[name]}"), name)

    # For dir() and completion: what is not loaded yet, too.
    module = sys.modules[package]
    module.__dir__ = lambda: sorted({*vars(module), *home})  # type: ignore[method-assign]
    return load
