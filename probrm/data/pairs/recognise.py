"""A file on its way to pairs: which form it has, and which column plays which part."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

import pyarrow as pa

from probrm.data.columns.matching import Part, assign, missing
from probrm.data.files.arrow import is_number
from probrm.data.files.hints import listed
from probrm.data.pairs.formats import OVERALL, PAIR_NATIVE, PRESETS, Form
from probrm.data.pairs.spec import PairSpec
from probrm.errors import DataError

T = TypeVar("T")
_OTHER_NAMES = {"chosen_score": "score_chosen", "rejected_score": "score_rejected"}


@dataclass(frozen=True)
class Reading:
    """A file on its way to pairs.

    Attributes:
        source: what is read.
        table: all of it.
        form: the name of its form in ``PRESETS``.
        parts: native name → column.
        spec: what the user said.
        fitting: whether a model will be fitted; otherwise optional columns with bad values are left out with a note.
        notes: gets what a user should know.
    """

    source: str
    table: pa.Table
    form: str
    parts: dict[str, Part]
    spec: PairSpec
    fitting: bool
    notes: list[str] = field(default_factory=list)

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
        DataError: it has none of the forms, or not the one that was named, or a column that was named is not there.
    """
    there = table.column_names

    def column(native: str, published: str) -> str | None:
        """What the file calls it; a column that the user named counts as there, so that a wrong name gets an error of its own."""
        named = spec.columns.get(native)
        return named or None if named is not None else next((name for name in (published, native) if name in there), None)

    def fits(form: Form) -> bool:
        return all(column(native, published) for native, published in form.columns.items())

    def recognised(name: str) -> bool:
        binarized = name == "ultrafeedback-binarized"  # the native form may have scores too, but calls them otherwise
        return fits(PRESETS[name]) and (not binarized or "score_chosen" in there)

    name = spec.preset or next(filter(recognised, PRESETS), None)
    if name is None:
        raise _unknown(table, spec, source)
    form = PRESETS[name]
    if not fits(form):
        raise DataError(
            f"{source}: not the form that --preset {name} reads, which has {form.about}; found: {listed(there)}",
            fix="leave --preset out, name another one, or name the columns with --columns " + _lacking(form, column),
        )
    found = {native: published for native, published in form.columns.items() if published in there}
    found |= {native: other for native, other in _OTHER_NAMES.items() if native not in there and other in there and native not in found}
    if name != "ultrafeedback":  # there the overall score lies inside the completions
        found |= {"overall": next(other for other in OVERALL if other in there)} if set(OVERALL) & set(there) else {}
    columns = {native: named for native, named in spec.columns.items() if not (native == "overall" and name == "ultrafeedback")}
    parts = assign(table, columns, {native: Part(other, table.column(other)) for native, other in found.items()}, source, PAIR_NATIVE)
    return Reading(source, table, name, parts, spec, fitting, [_note(name, parts, spec)])


def _note(name: str, parts: dict[str, Part], spec: PairSpec) -> str:
    if name != "trl":
        return f"read as {name}: {', '.join(parts[native].name for native in PRESETS[name].columns)}"
    prompt = "an implicit prompt" if "prompt" not in parts else parts["prompt"].name
    return f"read as {spec.preset or 'pairs'}: {prompt}, {parts['chosen'].name}, {parts['rejected'].name}"


def _lacking(form: Form, column: Callable[[str, str], str | None]) -> str:
    return ",".join(f"{native}=NAME" for native, published in form.columns.items() if not column(native, published))


def _unknown(table: pa.Table, spec: PairSpec, source: str) -> DataError:
    """Names the column that is nearest to completing a form."""
    there = table.column_names
    known = set(there) | {native for native, named in spec.columns.items() if named}
    if "response" in known or ("prompt" in known and any(other in there for other in PAIR_NATIVE["response"])):
        native = "response" if "response" not in known else "prompt"
    else:
        native = "rejected" if "chosen" in known else "chosen"
    texts = [column.name for column in table.schema if not (is_number(column.type) or pa.types.is_boolean(column.type))]
    error = missing(source, native, native, there, PAIR_NATIVE, likely=texts)
    forms = "; ".join(form.about for form in PRESETS.values() if form.about != PRESETS["ultrafeedback-binarized"].about)
    return DataError(f"{error.what}; the forms that are read: {forms}", fix=error.fix)
