"""Several actions a row: what a user says about them, and their values in a file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import numpy as np
import pyarrow as pa

from probrm.data.columns.values import Cells, binary, scores
from probrm.data.files.arrow import to_names
from probrm.data.files.hints import did_you_mean, listed, shown
from probrm.errors import ConfigError, DataError

Kind = Literal["binary", "ordinal", "log-normal"]
KINDS: tuple[Kind, ...] = ("binary", "ordinal", "log-normal")
_NAMED: dict[str, Kind] = {kind: kind for kind in KINDS}
MAX_LEVELS = 20


@dataclass(frozen=True)
class ActionSpec:
    """One column of actions.

    Attributes:
        column: what the file calls it.
        kind: ``binary`` (done or not), ``ordinal`` (ordered levels) or ``log-normal`` (positive seconds).
        against: whether it speaks against the answer: a regeneration, a correction.
        levels: of an ordinal action, lowest first, as text; known once a file is read.
        centre: mean of the logarithm of a log-normal action over the fitted log, in log seconds.
        spread: its standard deviation, positive.
    """

    column: str
    kind: Kind = "binary"
    against: bool = False
    levels: tuple[str, ...] = ()
    centre: float = 0.0
    spread: float = 1.0

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self) | {"levels": list(self.levels)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ActionSpec:
        """The inverse of ``to_dict``."""
        return cls(**{**data, "levels": tuple(data.get("levels", ()))})


def parse_actions(texts: Iterable[str]) -> tuple[ActionSpec, ...]:
    """``copied``, ``-regenerated``, ``rating:ordinal``, ``dwell:log-normal`` as what they say.

    Raises:
        ConfigError: no column, an unknown kind, or a column that is named twice.
    """
    specs: list[ActionSpec] = []
    for text in texts:
        name, colon, kind = text.removeprefix("-").partition(":")
        known = _NAMED.get(kind)
        if not name or (colon and known is None):
            what = f"there is no kind of action {kind!r}" if name else "it names no column"
            raise ConfigError(
                f"actions: found {text!r}; {what}; allowed: [-]COLUMN[:KIND], KIND one of {', '.join(KINDS)}",
                fix=(did_you_mean(kind, KINDS) if name else None) or "write --actions copied,-regenerated,rating:ordinal,dwell:log-normal",
            )
        if any(spec.column == name for spec in specs):
            raise ConfigError(f"actions: the column {name!r} is named twice", fix="name it once, as what it is")
        specs.append(ActionSpec(name, known or "binary", text.startswith("-")))
    return tuple(specs)


def read_actions(
    table: pa.Table, specs: Sequence[ActionSpec], rows: np.ndarray, source: str
) -> tuple[dict[str, np.ndarray], tuple[ActionSpec, ...]]:
    """Values by column, float32 (n,), NaN where an action was not observed; and the specs with their levels.

    Binary actions are 0 or 1, ordinal ones the position of their level, log-normal ones seconds.

    Args:
        table: the whole file.
        specs: what to read.
        rows: 0-based positions of the rows that are used.
        source: the file, for messages.

    Raises:
        DataError: a column is not there, has a value that its kind does not allow, or does not vary.
    """
    found: dict[str, np.ndarray] = {}
    complete = []
    for spec in specs:
        if spec.column not in table.column_names:
            raise DataError(
                f"{source}: there is no column {spec.column!r} (named with --actions); found: {listed(table.column_names)}",
                fix=did_you_mean(spec.column, table.column_names) or "name columns of the file: --actions copied,-regenerated",
            )
        column = table.column(spec.column)
        cells = Cells.of(source, spec.column, column, rows)
        if spec.kind == "binary":
            values = binary(cells, fix="map it to 0, 1 or nothing; graded actions are written COLUMN:ordinal", missing=True)
        elif spec.kind == "ordinal":
            values, levels = _levels(cells, column)
            spec = replace(spec, levels=levels)
        else:
            values = _seconds(cells)
        found[spec.column] = _varying(cells, values, spec)
        complete.append(spec)
    return found, tuple(complete)


def _levels(cells: Cells, column: pa.ChunkedArray) -> tuple[np.ndarray, tuple[str, ...]]:
    if pa.types.is_dictionary(column.type) and column.type.ordered:  # a categorical of pandas or polars that says its order
        order = [str(name) for name in to_names(column.unify_dictionaries().chunk(0).dictionary)] if column.num_chunks else []
        names = to_names(cells.values)
        position = {name: float(i) for i, name in enumerate(order)}
        values = np.array([np.nan if name is None else position[name] for name in names])
    else:
        order = []
        fix = "give integers, or a categorical column that says its order; durations are written COLUMN:log-normal"
        values = scores(cells, fix=fix)
        odd = np.isfinite(values) & (values != np.floor(values))
        if odd.any():
            raise cells.error(int(odd.argmax()), "integers, or missing", fix)
    seen, codes = np.unique(values[np.isfinite(values)], return_inverse=True)
    if len(seen) > MAX_LEVELS:
        raise DataError(
            f"{cells.source}, column {cells.name!r}: {len(seen)} levels; an ordinal action has at most {MAX_LEVELS}",
            fix=f"join neighbouring levels, or, where it is a duration, write {cells.name}:log-normal",
        )
    result = np.full(len(values), np.nan)
    result[np.isfinite(values)] = codes
    return result, tuple(order[int(v)] if order else f"{v:.0f}" for v in seen)


def _seconds(cells: Cells) -> np.ndarray:
    fix = "leave the cell empty where the time was not measured"
    values = scores(cells, fix=fix)
    bad = ~(np.isnan(values) | (values > 0))
    if bad.any():
        raise cells.error(int(bad.argmax()), "positive seconds, or missing", fix)
    return values


def _varying(cells: Cells, values: np.ndarray, spec: ActionSpec) -> np.ndarray:
    there = values[np.isfinite(values)]
    if len(there) == 0 or there.min() == there.max():
        only = spec.levels[0] if spec.levels else shown(float(there[0])) if len(there) else ""
        what = f"it is {only} in all {len(there)} rows that have it" if len(there) else "it is missing in every row"
        raise DataError(f"{cells.source}, column {cells.name!r}: {what}; an action must vary", fix="leave it out of --actions")
    return values.astype(np.float32)
