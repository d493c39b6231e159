"""A log's table, whether it is a plain file, a published log or the export of a product."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa

from probrm.data.columns.matching import Part
from probrm.data.columns.paths import with_paths
from probrm.data.exposures import Verdict
from probrm.data.files.arrow import to_float
from probrm.data.files.hints import did_you_mean
from probrm.data.files.tables import read_table
from probrm.data.logs.presets import PRESETS
from probrm.data.logs.spec import LogSpec
from probrm.data.logs.unpaired import PRESET as UNPAIRED
from probrm.data.logs.unpaired import is_unpaired, unpaired_parts
from probrm.data.products.product import Asked, Product, Reading
from probrm.data.products.registry import PRODUCTS, chosen, recognise
from probrm.data.products.shape import shaped
from probrm.errors import DataError

_TEXTS, _IDS = ("prompt", "messages", "response"), ("user_id", "session_id", "id", "pair")


@dataclass(frozen=True)
class Opened:
    """What a source holds before its rows are checked.

    Attributes:
        table: all rows.
        whole: the table as it is given back with scores: without columns that were reached by a dotted path.
        spec: how it is read, with what the form of the file adds.
        parts: native columns that the form of the file gives.
        notes: what a user should know.
        cause: what the form of the file makes of its exposures.
        bare: whether answers without a prompt are read.
        form: what ``--preset`` calls the form of the file; empty: a plain table.
    """

    table: pa.Table
    whole: pa.Table
    spec: LogSpec
    parts: Mapping[str, Part] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    cause: tuple[Verdict, str] | None = None
    bare: bool = False
    form: str = ""


def open_log(source: str, spec: LogSpec, *, several: bool, fitting: bool, table: pa.Table | None = None) -> Opened:
    """The table of a source and how it is read.

    Args:
        source: anything that ``read_table`` reads, or an export of a product.
        spec: what the user said.
        several: whether the model knows several actions.
        fitting: whether actions are read.
        table: what was read of the source already, a plain table.

    Raises:
        DataError: the source cannot be read, or it is not told which of several kinds of feedback is the action.
    """
    found, by_itself = _product(source, spec) if table is None else (None, False)
    if found is not None:
        return _export(source, spec, found, by_itself, several=several, fitting=fitting)
    preset = PRESETS[spec.preset] if spec.preset else None
    texts = {spec.columns.get(name) or name for name in _TEXTS} | set(preset.texts if preset else ())
    ids = {spec.columns.get(name) or name for name in _IDS} | set(preset.ids if preset else ())
    if spec.feedback is not None:
        raise DataError(
            f"{source}: --feedback joins a product's log, and this is none that is recognised", fix="name its form: --preset litellm"
        )
    whole = read_table(source, texts=texts, ids=ids) if table is None else table
    parts: Mapping[str, Part] = preset.read(whole, source) if preset else {}
    notes: list[str] = []
    form = spec.preset or ""
    if is_unpaired(whole.column_names, spec):
        parts, form = unpaired_parts(whole, spec, source, notes, fitting=fitting), UNPAIRED
    return Opened(with_paths(whole, spec.named), whole, spec, parts, notes, form=form)


def _product(source: str, spec: LogSpec) -> tuple[Product | None, bool]:
    """The product whose export it is, and whether it was recognised rather than named.

    Whoever names the columns of the texts reads the file as the table that it is.
    """
    if spec.preset in PRODUCTS:
        return chosen(str(spec.preset), source), False
    if spec.preset is not None or any(spec.columns.get(name) for name in _TEXTS):
        return None, False
    return recognise(source), True


def _export(source: str, spec: LogSpec, found: Product, by_itself: bool, *, several: bool, fitting: bool) -> Opened:
    with shaped(source, found.title):
        reading = found.read(source, Asked(spec.named, spec.values, spec.feedback, spec.on))
    how = f"read as {found.title} (--preset {found.name})" + (
        "; name the columns of the texts to read it as a plain table" if by_itself else ""
    )
    table, notes = with_paths(reading.table, spec.named), [f"{how}: {reading.table.num_rows} answers shown", *reading.notes]
    # A value's meaning has done its work in the export's own feedback; the label's is still asked for.
    spec = replace(spec, values={key: value for key, value in spec.values.items() if key.startswith("label:")})
    spec = _renamed(spec, reading)
    action, parts = spec.columns.get("action"), {}
    if fitting and not spec.actions and action != "":
        action = action or _only(reading, source, several=several)
        spec, parts = _acted(reading, table, spec, action, source, notes, several=several)
    return Opened(table, reading.table, spec, parts, notes, reading.cause, bare=True, form=found.name)


def _renamed(spec: LogSpec, reading: Reading) -> LogSpec:
    """The spec with the columns of the table where it names feedback as the export does."""
    columns = {native: reading.aliases.get(column, column) for native, column in spec.columns.items()}
    actions = []
    for text in spec.actions:
        name, colon, kind = text.removeprefix("-").partition(":")
        actions.append(f"{'-' * text.startswith('-')}{reading.aliases.get(name, name)}{colon}{kind}")
    return replace(spec, columns=columns, actions=tuple(actions))


def _acted(
    reading: Reading, table: pa.Table, spec: LogSpec, action: str, source: str, notes: list[str], *, several: bool
) -> tuple[LogSpec, dict[str, Part]]:
    """How the feedback ``action`` is read: as one action, or as several where the model knows them.

    Raises:
        DataError: there is no such feedback, or the model cannot be told of it.
    """
    kind = reading.kinds.get(action)
    if kind is None and action not in table.column_names:
        raise DataError(
            f"{source}: there is no feedback {action!r}; found: {', '.join(reading.kinds) or 'none'}",
            fix=did_you_mean(action, reading.kinds) or "name one of these: --columns action=NAME",
        )
    unasked = bool(table.column(action).null_count)
    if kind is None or (kind == "binary" and not unasked):
        return replace(spec, columns={**spec.columns, "action": action}), {}
    spec = replace(spec, columns={name: column for name, column in spec.columns.items() if name != "action"})
    if several:
        return replace(spec, actions=(f"{action}:{kind}",)), {}
    if kind not in ("thumb", "binary"):
        raise DataError(
            f"{source}: the feedback {action!r} is {kind}, and this model knows one action that was taken or not",
            fix=f"fit the model that knows such actions: probrm fit implicit --actions {action}:{kind}",
        )
    values = to_float(table.column(action))
    if not (values == 1).any():
        raise DataError(
            f"{source}: the feedback {action!r} is never up, and this model knows one action, which speaks for the answer",
            fix="fit the model that knows actions against an answer: probrm fit implicit",
        )
    if down := int((values == -1).sum()):
        notes.append(f"feedback {action!r}: {down} thumbs down count as no action: this model knows one action (implicit knows both)")
    parts = {"action": Part(action, pa.array(values == 1, pa.bool_()))}
    if unasked:  # this model knows no comparisons either
        parts["shown"] = Part(f"{action} could be given", pa.array(np.isfinite(values)))
    return spec, parts


def _only(reading: Reading, source: str, *, several: bool) -> str:
    """The kind of feedback that is the action where none was named.

    Raises:
        DataError: there is none, or there are several.
    """
    names = list(reading.kinds)
    if len(names) == 1:
        return names[0]
    if not names:
        raise DataError(
            f"{source}: no answer has feedback, so there is no action to learn from",
            fix="export the feedback too; or name a column: --columns action=NAME",
        )
    fix = f"say which one is the action: --columns action={names[0]}"
    if several:
        fix += f"; or several: --actions {','.join(f'{name}:{kind}' for name, kind in reading.kinds.items())}"
    raise DataError(
        f"{source}: there are {len(names)} kinds of feedback: {', '.join(f'{n} ({k})' for n, k in reading.kinds.items())}", fix=fix
    )
