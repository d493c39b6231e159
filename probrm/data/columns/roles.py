"""What optional columns say: who acted, what was said outright, how much a row counts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import pyarrow as pa

from probrm.data.columns.coding import recoded
from probrm.data.columns.matching import Part
from probrm.data.columns.thumb_words import has_thumb_words
from probrm.data.columns.values import SMALLEST, Cells, binary, names, numbers, parse_scores
from probrm.data.files.arrow import is_number, to_float
from probrm.errors import DataError

_MEAN_WEIGHT = 1e5
"""Where rows weigh more on average, priors and curvature lie too far apart for float32: fits of 250 rows end without a mode at 1e6."""
ANONYMOUS = "(unknown)"
"""The one group of all rows that name no user."""


@dataclass(frozen=True)
class Roles:
    """Reads one native column after the other for the rows that are used.

    Attributes:
        source: the file, for messages.
        parts: native name → column.
        rows: 0-based positions of the rows that are used.
        fitting: whether a model will be fitted to the actions.
        required: native names whose values must be right; others are left out with a note when they are not, unless fitting.
        notes: gets what a user should know.
        codes: what values of the action and the label mean, see ``probrm.data.columns.coding``.
        missing_action: what a missing action means; None where it may not be missing.
    """

    source: str
    parts: dict[str, Part]
    rows: np.ndarray
    fitting: bool
    required: frozenset[str]
    notes: list[str] = field(default_factory=list)
    codes: Mapping[str, float | None] = field(default_factory=dict)
    missing_action: float | None = None

    def action(self) -> np.ndarray | None:
        """float32 (n,) of 0 and 1; when fitting, both occur."""
        action = self.read("action", self._action)
        if action is not None and self.fitting and action.min() == action.max():
            raise DataError(
                f"{self.source}, column {self.parts['action'].name!r}: the action is {int(action[0])} in all {len(action)} rows; "
                "allowed: some 0 and some 1",
                fix="log the exposures without an action too, or name another column: --columns action=NAME",
            )
        return action

    def _action(self, cells: Cells) -> np.ndarray:
        cells = recoded(cells, self.codes, "action")
        fix = "map it to 0/1: --values up=1,down=0; or name another column: --columns action=NAME"
        if cells.values.null_count or pa.types.is_null(cells.values.type):
            fix = f"where missing means no action: --missing-action 0; {fix}"
            if pa.types.is_boolean(cells.values.type):
                fix = f"where true, false and missing are thumbs up, down and none: --actions {cells.name}:thumb; {fix}"
        numbers = to_float(cells.values) if is_number(cells.values.type) else np.zeros(0)
        if (numbers > 1).any():
            graded = f"levels such as 1 to 5 stars are ordered: --actions {cells.name}:ordinal"
            fix = f"{graded}; map numbers to 0/1: --values 1=0,2=1; or name another column: --columns action=NAME"
        elif (numbers == -1).any():
            fix = "or --values -1=0, which takes a thumb down for no action; or name another column: --columns action=NAME"
            fix = f"thumbs of -1, 0 and 1 are read as two actions, up and down: --actions {cells.name}; {fix}"
        if has_thumb_words(cells):
            fix = (
                f"thumbs are read as two actions, up and down, and a missing one as none: --actions {cells.name}:thumb; "
                "or say what the words mean: --values up=1,down=0, which takes a thumb down for no action"
            )
        values = binary(cells, fix=fix, missing=self.missing_action is not None)
        if self.missing_action is not None and (absent := np.isnan(values)).any():
            values[absent] = self.missing_action
            self.notes.append(f"column {cells.name!r}: missing in {int(absent.sum())} of {len(values)} rows, read as no action")
        return values

    def label(self) -> np.ndarray | None:
        """float32 (n,) of 1, 0 and NaN; when required, some row has one."""
        label = self.read("label", self._label)
        if label is not None and "label" in self.required and np.isnan(label).all():
            raise DataError(
                f"{self.source}, column {self.parts['label'].name!r}: no row has a label; allowed: 1, 0, or missing in some rows",
                fix="name the column that holds explicit labels: --columns label=NAME",
            )
        return label

    def _label(self, cells: Cells) -> np.ndarray:
        cells = recoded(cells, self.codes, "label")
        fix = "map it to 1, 0 or nothing: --values yes=1,no=0,unsure=null; or leave the column out: --columns label="
        if is_number(cells.values.type) and bool((to_float(cells.values) == -1).any()):
            fix = f"where -1 is bad and 0 says nothing: --values label:-1=0,label:0=null; or {fix}"
        return binary(cells, fix=fix, missing=True)

    def weight(self) -> np.ndarray:
        """float32 (n,), positive and finite; ones without such a column."""
        fix = "remove rows of no weight, or leave the column out: --columns weight="

        weight = self.read("weight", lambda cells: self._weight(cells, fix))
        return np.ones(len(self.rows), np.float32) if weight is None else weight.astype(np.float32)

    @staticmethod
    def _weight(cells: Cells, fix: str) -> np.ndarray:
        found = numbers(cells, allowed="positive finite numbers", ok=lambda w: w > 0, fix=fix)
        if len(found) and (mean := float(found.mean())) > _MEAN_WEIGHT:
            raise cells.error(
                int(found.argmax()),
                f"weights of at most {_MEAN_WEIGHT:,.0f} on average (they are {mean:.3g}), as a row of weight 2 counts as two rows",
                "divide all weights by a number, such as their mean",
            )
        return found

    def true_probability(self) -> np.ndarray | None:
        """float32 (n,) between 0 and 1."""
        fix = "leave the column out: --columns true_probability="
        found = self.read(
            "true_probability",
            lambda cells: numbers(cells, allowed="numbers from 0 to 1", ok=lambda p: (p >= 0) & (p <= 1), fix=fix, tiny=True),
        )
        return None if found is None else found.astype(np.float32)

    def propensity(self) -> np.ndarray | None:
        """float32 (n,) in (0, 1], known from an experiment; NaN where it is to be estimated. When scoring, it does not matter."""
        fix = "leave the cell empty where it is not known, or leave the column out: --columns propensity="
        if not self.fitting:
            return None
        found = self.read("propensity", lambda cells: self._probability(cells, fix))
        return None if found is None or np.isnan(found).all() else found.astype(np.float32)

    @staticmethod
    def _probability(cells: Cells, fix: str) -> np.ndarray:
        values, bad = parse_scores(cells, fix=fix)
        bad |= ~(np.isnan(values) | ((values >= SMALLEST) & (values <= 1)))
        if bad.any():
            at = int(bad.argmax())
            least = f" of at least {SMALLEST:g}" if 0 < values[at] < SMALLEST else ""
            raise cells.error(at, f"a probability in (0, 1]{least}, or missing", fix)
        return values

    def user(self) -> np.ndarray | None:
        """Object (n,) of str; rows that name nobody are one anonymous group."""
        user = self.read("user_id", lambda cells: names(cells, fix="name the column that says who acted: --columns user_id=NAME"))
        if user is None:
            return None
        column = self.parts["user_id"].name
        unknown = pd.isna(user)
        if unknown.all():
            self.notes.append(f"column {column!r} is empty and not used")
            return None
        if self.fitting and not unknown.any() and pd.unique(user).size == 1:
            self.notes.append(f"column {column!r} names a single user, {user[0]!r}: there is nobody to compare with, so it is not used")
            return None
        if unknown.any():
            self.notes.append(
                f"column {column!r} is empty in {int(unknown.sum())} rows: one anonymous group, with one activity for all of these rows"
            )
            user[unknown] = ANONYMOUS
        return user

    def row_id(self) -> np.ndarray:
        """Object (n,) of str, all different."""
        fix = "number the rows, or leave the column out: --columns id="
        found = self.read("id", lambda cells: self._unique(cells, names(cells, fix=fix), fix))
        return self.rows.astype(str).astype(object) if found is None else found

    def _unique(self, cells: Cells, ids: np.ndarray, fix: str) -> np.ndarray:
        absent = pd.isna(ids)
        if absent.any():
            raise cells.error(int(absent.argmax()), "a different value in every row", fix)
        again = pd.Series(ids, dtype=object).duplicated().to_numpy()
        if again.any():
            second = int(again.argmax())
            first = int((ids == ids[second]).argmax())
            raise DataError(
                f"{self.source}, rows {self.rows[first] + 1} and {self.rows[second] + 1}, column {cells.name!r}: both are {ids[second]!r}; "
                "allowed: a different value in every row",
                fix=fix,
            )
        return ids

    def read(self, native: str, read: Callable[[Cells], np.ndarray]) -> np.ndarray | None:
        """What ``read`` makes of a native column's cells; None without the column, or where bad values are let pass with a note."""
        if native not in self.parts:
            return None
        part = self.parts[native]
        strict = native in self.required or (self.fitting and native != "action")
        try:
            return read(Cells.of(self.source, part.name, part.values, self.rows))
        except DataError as error:
            if strict:
                raise
            self.notes.append(f"not used as {native}: {error.what.removeprefix(self.source).lstrip(', :')}")
            return None
