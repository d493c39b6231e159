"""A file on its way to pairs: which form it has, and which column plays which part."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

import pyarrow as pa

from probrm.data.columns.matching import Part, assign, missing
from probrm.data.columns.sides import NAMED, marks_of
from probrm.data.files.arrow import is_number
from probrm.data.files.hints import listed
from probrm.data.pairs.formats import PAIR_NATIVE, PRESETS, Form
from probrm.data.pairs.nested import column_at, holds_path
from probrm.data.pairs.rating_names import OVERALL, is_order, is_rank, is_rating
from probrm.data.pairs.reshaping import RESHAPES
from probrm.data.pairs.side_by_side import side_by_side_columns, sides_of
from probrm.data.pairs.spec import PairSpec
from probrm.data.pairs.taken_for_text import choice_for_text
from probrm.data.products.shape import shaped
from probrm.errors import DataError

T = TypeVar("T")
_OTHER_NAMES = {"chosen_score": "score_chosen", "rejected_score": "score_rejected"}


@dataclass(frozen=True)
class Reading:
    """A file on its way to pairs.

    Attributes:
        source: what is read.
        table: all of it, reshaped where its form says so.
        form: the name of its form in ``PRESETS``.
        parts: native name → column.
        spec: what the user said.
        fitting: whether a model will be fitted; otherwise optional columns with bad values are left out with a note.
        notes: gets what a user should know.
        told: gets what decides a preference, and in which direction.
        used: gets columns that were used besides those of ``parts``.
        scored: gets what both sides are scored in → the two columns.
    """

    source: str
    table: pa.Table
    form: str
    parts: dict[str, Part]
    spec: PairSpec
    fitting: bool
    notes: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    used: set[str] = field(default_factory=set)
    scored: dict[str, tuple[str, str]] = field(default_factory=dict)

    @property
    def about(self) -> Form:
        """The file's form."""
        return PRESETS[self.form]

    def optional(self, part: str, read: Callable[[], T]) -> T | None:
        """What ``read`` gives; where its values are bad and no model will be fitted, None with a note.

        Raises:
            DataError: they are bad, and a model will be fitted.
        """
        try:
            return read()
        except DataError as error:
            if self.fitting:
                raise
            self.notes.append(f"not used as {part}: {error.what.removeprefix(self.source).lstrip(', :')}")
            return None


def recognise(table: pa.Table, spec: PairSpec, source: str, *, fitting: bool) -> Reading:
    """Tells a file's form from its columns, unless the spec names it, and which column plays which part.

    Raises:
        DataError: it has none of the forms, or not the one that was named, a column that was named is not there, or texts of the
            preferred side are choices.
    """
    there = table.column_names

    def column(native: str, published: str) -> str | None:
        """What the file calls it; a column that the user named counts as there, so that a wrong name gets an error of its own."""
        named = spec.columns.get(native)
        if named is not None:
            return named or None
        return published if holds_path(table, published) else native if native in there else None

    beside = side_by_side_columns([name for name in there if _could_be(name, table, spec)], spec.columns)

    def fits(name: str, *, named: bool = False) -> bool:
        form = PRESETS[name]
        if name == "side-by-side":
            return beside is not None
        if form.needs:
            return set(form.needs) <= set(there)
        if form.published and not named:
            return all(holds_path(table, published) for published in form.columns.values())
        return all(column(native, published) for native, published in form.columns.items())

    def recognised(name: str) -> bool:
        if PRESETS[name].alone or not fits(name):
            return False
        if name == "trl" and beside is not None and choice_for_text(table, spec, sides_of(there, spec.columns), source, move=True):
            return False
        return name != "ultrafeedback-binarized" or "score_chosen" in there  # the native form may have scores too, but calls them otherwise

    name = spec.preset or next(filter(recognised, PRESETS), None)
    if name is None:
        raise _unknown(table, spec, source)
    form = PRESETS[name]
    if not fits(name, named=True):
        raise DataError(
            f"{source}: not the form that --preset {name} reads, which has {form.about}; found: {listed(there)}",
            fix="leave --preset out, name another one, or name the columns with --columns " + _lacking(form, column),
        )
    notes: list[str] = []
    if form.reshape:
        with shaped(source, name):
            table = RESHAPES[form.reshape](table, source, notes)
        there = table.column_names
    if "chosen" in form.columns:
        choice_for_text(table, spec, sides_of(there, spec.columns), source, move=False)
    paths = (beside or {}) if name == "side-by-side" else {**form.optional, **form.columns}
    found = {native: Part(path, column_at(table, path)) for native, path in paths.items() if holds_path(table, path)}
    found |= {
        native: Part(other, table.column(other))
        for native, other in _OTHER_NAMES.items()
        if native not in there and other in there and native not in found
    }
    if form.reader == "rated" and "overall" not in found and (overall := _overall(there)):
        found["overall"] = Part(overall, table.column(overall))
    own = {"overall"} if form.reader == "list" else {"chosen"} if name == "side-by-side" else set()  # looked up elsewhere
    nested = {
        native: Part(path, column_at(table, path)) for native, path in spec.columns.items() if path not in there and holds_path(table, path)
    }
    columns = {native: named for native, named in spec.columns.items() if native not in {*own, *nested}}
    parts = assign(table, columns, found | nested, source, PAIR_NATIVE)
    if name == "side-by-side":
        parts = {native: part for native, part in parts.items() if native not in ("chosen", "rejected")}
    if {"chosen", "rejected", "chosen_score", "rejected_score"} <= set(parts):
        parts |= _with_their_sides(parts, spec)
    return Reading(source, table, name, parts, spec, fitting, [_note(name, parts, spec), *notes])


def _with_their_sides(parts: dict[str, Part], spec: PairSpec) -> dict[str, Part]:
    """The scores of both sides, exchanged where the user exchanged the sides and said nothing of the scores."""
    scores = {"chosen_score": parts["chosen_score"], "rejected_score": parts["rejected_score"]}
    turned = marks_of(parts["chosen"].name, parts["rejected"].name) == NAMED[::-1]
    if not turned or set(scores) & set(spec.columns):
        return scores
    return dict(zip(scores, reversed(scores.values()), strict=True))


def _could_be(name: str, table: pa.Table, spec: PairSpec) -> bool:
    """Whether a column may play any part in a file of two answers: bare letters name other things too, and then hold numbers."""
    return len(name) > 1 or name in spec.columns.values() or not is_number(table.schema.field(name).type)


def _overall(there: list[str]) -> str | None:
    """The column of overall ratings: one that is called so, else a rank; a position or a place may be that in a list, beside ratings."""
    named = next((name for name in OVERALL if name in there), None)
    ranks = [name for name in there if is_rank(name) and (is_order(name) or not any(map(is_rating, there)))]
    return named or (ranks[0] if ranks else None)


def _note(name: str, parts: dict[str, Part], spec: PairSpec) -> str:
    if name not in ("trl", "hh-rlhf"):
        natives = [native for native in PRESETS[name].columns if native in parts]
        if name == "side-by-side":
            natives = [native for native in ("prompt", *natives, "score_0", "score_1") if native in parts]
        return f"read as {name}: {', '.join(parts[native].name for native in natives)}"
    prompt = "an implicit prompt" if "prompt" not in parts else parts["prompt"].name
    return f"read as {spec.preset or 'pairs'}: {prompt}, {parts['chosen'].name}, {parts['rejected'].name}"


def _lacking(form: Form, column: Callable[[str, str], str | None]) -> str:
    return ",".join(f"{native}=NAME" for native, published in form.columns.items() if not column(native, published))


def _unknown(table: pa.Table, spec: PairSpec, source: str) -> DataError:
    """Names the column that is nearest to completing a form."""
    there = table.column_names
    sides = sides_of(there, spec.columns)
    if sides is not None and "chosen" not in there:
        return DataError(
            f"{source}: {sides.first!r} and {sides.second!r} are two answers, and no column says which is preferred; found: {listed(there)}",
            fix=f"name the column: --columns response_0={sides.first},response_1={sides.second},choice=NAME",
        )
    if {"completion", "label"} <= set(there):
        return DataError(
            f"{source}: holds one answer a row with a label (TRL's unpaired preferences), and no pairs; found: {listed(there)}",
            fix="fit a model of actions: probrm fit implicit --label-false-means negative, or no-action; or rate them: "
            "--columns response=completion,overall=label",
        )
    known = set(there) | {native for native, named in spec.columns.items() if named}
    if "response" in known or ("prompt" in known and any(other in there for other in PAIR_NATIVE["response"])):
        native = "response" if "response" not in known else "prompt"
    else:
        native = "rejected" if "chosen" in known else "chosen"
    texts = [column.name for column in table.schema if not (is_number(column.type) or pa.types.is_boolean(column.type))]
    error = missing(source, native, native, there, PAIR_NATIVE, likely=texts)
    forms = "; ".join(form.about for name, form in PRESETS.items() if name not in ("ultrafeedback-binarized", "hh-rlhf"))
    return DataError(f"{error.what}; the forms that are read: {forms}", fix=error.fix)
