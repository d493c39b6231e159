"""A file of the other kind than the one that a run was fitted to: pairs for a run fitted to a log, a log for one fitted to pairs."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from probrm.config.data import read_data
from probrm.data import LogSpec, PairSpec, holds_pairs
from probrm.data.pairs.answers import nested_form
from probrm.data.products.records import peek
from probrm.data.products.registry import among
from probrm.inspection.columns import columns_of
from probrm.inspection.kinds import SPECS, likely_kinds, possible_kinds, presets_of
from probrm.inspection.result import Kind
from probrm.runs.run import Run

_TEXTS = ("prompt", "response", "messages")


def other_spec(run: Run, fitted_to: str, source: str, said: Mapping[str, Any], *, truth: bool) -> LogSpec | PairSpec | None:
    """How the file is read where it is of the other kind; None where it is of the kind that the run was fitted to.

    Args:
        run: a fitted run.
        fitted_to: ``log`` or ``pairs``; of another one there is no other kind.
        source: the file.
        said: what the flags say of this file, a ``[data]`` table.
        truth: whether rows with a known truth are wanted, rather than answers to score.

    Raises:
        ConfigError: the flags name what neither a log nor pairs have.
        DataError: the file cannot be read.
    """
    if fitted_to not in SPECS:
        return None
    other: Kind = "pairs" if fitted_to == "log" else "log"
    possible = possible_kinds(said)
    if other not in possible:
        return None
    there = columns_of(source)
    columns = {native: column for native, column in run.config["data"]["columns"].items() if column in there} | said.get("columns", {})
    if len(possible) > 1:
        names = {*there, *(native for native, column in columns.items() if column)}
        if not (_is_pairs if other == "pairs" else _is_log)(source, names, columns, truth=truth):
            return None
    texts = {native: column for native, column in columns.items() if native in _TEXTS and native in _natives(other)}
    return read_data(SPECS[other], {**said, "columns": texts | said.get("columns", {})}, presets=presets_of(other))


def unit_of(spec: Any, own: str) -> str:
    """What an evaluation of a file that is read so counts; of another model's files its ``own``."""
    return "pairs" if isinstance(spec, PairSpec) else "rows" if isinstance(spec, LogSpec) else own


def _is_pairs(source: str, names: Collection[str], columns: Mapping[str, str], *, truth: bool) -> bool:
    """Whether a run fitted to a log is given pairs: no single answers, or, for a truth, none that are labelled."""
    single = "response" in names or ("messages" in names and not holds_pairs(names))
    if (single and (not truth or "label" in names)) or (not truth and nested_form(names)):  # answers, one a row or in trees
        return False
    return likely_kinds(source, {"columns": columns})[0] == "pairs"


def _is_log(source: str, names: Collection[str], columns: Mapping[str, str], *, truth: bool) -> bool:
    """Whether a run fitted to pairs is given a log with a truth; one to score is read by its texts alone."""
    if not truth or likely_kinds(source, {"columns": columns})[0] != "log":
        return False
    seen = peek(source)
    return bool({"label", "action"} & set(names)) or (seen is not None and among(seen) is not None)


def _natives(kind: Kind) -> Collection[str]:
    return ("prompt",) if kind == "pairs" else _TEXTS
