"""Several actions a row: what a user says about them, and their values in a file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

import numpy as np
import pyarrow as pa

from probrm.data.columns.coding import recoded
from probrm.data.columns.values import Cells, binary, scores
from probrm.data.files.arrow import is_number, to_flags, to_float, to_names
from probrm.data.files.hints import did_you_mean, listed, shown
from probrm.data.logs.thumbs import is_thumb, read_thumbs
from probrm.errors import ConfigError, DataError

Kind = Literal["binary", "ordinal", "log-normal", "thumb"]
KINDS: tuple[Kind, ...] = ("binary", "ordinal", "log-normal", "thumb")
_NAMED: dict[str, Kind] = {kind: kind for kind in KINDS}
MAX_LEVELS = 20
_EXACT = 2.0**53


@dataclass(frozen=True)
class ActionSpec:
    """One column of actions.

    Attributes:
        column: what the file calls it.
        kind: ``binary`` (done or not), ``ordinal`` (ordered levels) or ``log-normal`` (positive seconds); ``thumb`` (up, down or
            none) only before it is read: it becomes two binary actions, ``COLUMN:up`` and ``COLUMN:down``.
        against: whether it speaks against the answer: a regeneration, a correction.
        levels: of an ordinal action, lowest first, as text; known once a file is read.
        centre: mean of the logarithm of a log-normal action over the fitted log, in log seconds.
        spread: its standard deviation, positive.
        guessed: whether the kind was not said, so that a column of -1, 0 and 1 may be read as thumbs.
    """

    column: str
    kind: Kind = "binary"
    against: bool = False
    levels: tuple[str, ...] = ()
    centre: float = 0.0
    spread: float = 1.0
    guessed: bool = field(default=False, compare=False)

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        found = asdict(self) | {"levels": list(self.levels)}
        del found["guessed"]
        return found

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
        specs.append(ActionSpec(name, known or "binary", text.startswith("-"), guessed=known is None))
    return tuple(specs)


def read_actions(
    table: pa.Table,
    specs: Sequence[ActionSpec],
    rows: np.ndarray,
    source: str,
    *,
    codes: Mapping[str, float | None] | None = None,
    missing: float | None = None,
    notes: list[str] | None = None,
) -> tuple[dict[str, np.ndarray], tuple[ActionSpec, ...]]:
    """Values by column, float32 (n,), NaN where an action was not observed; and the specs with their levels.

    Binary actions are 0 or 1, ordinal ones the position of their level, log-normal ones seconds. Thumbs become two binary actions.

    Args:
        table: the whole file.
        specs: what to read.
        rows: 0-based positions of the rows that are used.
        source: the file, for messages.
        codes: what values mean, see ``probrm.data.columns.coding``.
        missing: what a missing binary or ordinal action means; None: it was not observed.
        notes: gets what a user should know.

    Raises:
        DataError: a column is not there, has a value that its kind does not allow, or does not vary.
    """
    found: dict[str, np.ndarray] = {}
    complete = []
    notes = [] if notes is None else notes
    for spec in specs:
        if spec.column not in table.column_names:
            raise DataError(
                f"{source}: there is no column {spec.column!r} (named with --actions); found: {listed(table.column_names)}",
                fix=did_you_mean(spec.column, table.column_names) or "name columns of the file: --actions copied,-regenerated",
            )
        column = table.column(spec.column)
        written = Cells.of(source, spec.column, column, rows)
        cells = recoded(written, codes or {}, "action")
        if spec.kind == "thumb" or (spec.kind == "binary" and spec.guessed and is_thumb(cells)):
            for thumb, values in read_thumbs(cells, spec, missing, notes):
                found[thumb.column] = values
                complete.append(thumb)
            continue
        if spec.kind == "binary":
            fix = f"name what it means: --values up=1,down=0; thumbs are written {spec.column}:thumb, graded actions {spec.column}:ordinal"
            values = _or(missing, binary(cells, fix=fix, missing=True))
        elif spec.kind == "ordinal":
            values, levels = _levels(cells, column if cells is written else cells.values, missing)
            spec = replace(spec, levels=levels)
        else:
            values = _seconds(cells)
        found[spec.column] = _varying(cells, values, spec)
        _note_missing(cells, values, spec, missing, notes)
        complete.append(spec)
    return found, tuple(complete)


def _or(missing: float | None, values: np.ndarray) -> np.ndarray:
    return values if missing is None else np.where(np.isnan(values), np.float32(missing), values).astype(np.float32)


def _note_missing(cells: Cells, values: np.ndarray, spec: ActionSpec, missing: float | None, notes: list[str]) -> None:
    """An action that is missing may mean that it was not taken: what it was read as is said."""
    gaps = np.isnan(values)
    if missing is not None:  # the values are filled
        gaps = np.isnan(to_float(cells.values)) if is_number(cells.values.type) else ~to_flags(cells.values.is_valid())
    count = int(gaps.sum())
    if not count or spec.kind == "log-normal":
        return
    read = "not observed; where it means no action: --missing-action 0" if missing is None else "no action"
    notes.append(f"action {spec.column!r}: missing in {count} of {len(cells.rows)} rows, read as {read}")


def _levels(cells: Cells, column: pa.ChunkedArray, missing: float | None = None) -> tuple[np.ndarray, tuple[str, ...]]:
    if pa.types.is_dictionary(column.type) and column.type.ordered:  # a categorical of pandas or polars that says its order
        order = [str(name) for name in to_names(column.unify_dictionaries().chunk(0).dictionary)] if column.num_chunks else []
        names = to_names(cells.values)
        position = {name: float(i) for i, name in enumerate(order)}
        values = np.array([np.nan if name is None else position[name] for name in names])
    else:
        order = []
        fix = "give integers, or a categorical column that says its order; durations are written COLUMN:log-normal"
        values = scores(cells, fix=fix)
        values = values if missing is None else np.where(np.isnan(values), missing, values)
        odd = np.isfinite(values) & ((values != np.floor(values)) | (np.abs(values) >= _EXACT))
        if odd.any():
            at = int(odd.argmax())
            size = f" below {_EXACT:.0f} in size" if abs(values[at]) >= _EXACT else ""
            raise cells.error(at, f"integers{size}, or missing", fix)
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
