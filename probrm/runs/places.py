"""Where a run's data lie: on disk relative to the run, so that it tells nobody how a machine's folders are called; in memory as paths."""

from __future__ import annotations

import copy
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

RUN = "$RUN/"
"""What a path begins with that counts from the run's folder. Runs of before have absolute paths."""
_PATHS = (("record", "data", "source"), ("record", "encoder", "embeddings"), ("config", "data", "feedback"), ("config", "data", "labels"))


def stored(main: Mapping[str, Any], run: Path) -> dict[str, Any]:
    """The record as ``run.json`` of the folder ``run`` holds it: absolute paths of data become relative ones, hub ids and URLs stay.

    Args:
        main: the record, which is not changed.
        run: the folder, which need not be there yet.
    """
    at = os.path.realpath(run)

    def relative(path: str) -> str:
        if not os.path.isabs(path):
            return path
        try:
            return RUN + Path(os.path.relpath(path, at)).as_posix()
        except ValueError:  # on another drive of Windows
            return os.path.basename(path)

    return _changed(main, relative)


def resolved(main: Mapping[str, Any], run: Path) -> dict[str, Any]:
    """The inverse: paths from any folder."""
    at = os.path.realpath(run)
    return _changed(main, lambda path: os.path.normpath(os.path.join(at, path.removeprefix(RUN))) if path.startswith(RUN) else path)


def nearby(path: str, run: Path | None) -> Iterator[str]:
    """Where a file may be that a run names: there, in the current folder, or beside the run, which may have been moved or copied."""
    yield path
    name = os.path.basename(path.rstrip("/"))
    if name:
        yield name
    if name and run is not None:
        yield os.path.join(os.path.dirname(os.path.realpath(run)), name)


def _changed(main: Mapping[str, Any], change: Callable[[str], str]) -> dict[str, Any]:
    made = copy.deepcopy(dict(main))
    for *tables, name in _PATHS:
        table: Any = made
        for key in tables:
            table = table.get(key) if isinstance(table, dict) else None
        if isinstance(table, dict) and isinstance(table.get(name), str):
            table[name] = change(table[name])
    return made
