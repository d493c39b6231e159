"""Covariates as numbers: what a head's matrix looks like, fixed on the training rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, cast

import numpy as np
import pandas as pd

from probrm.data.files.hints import listed, shown
from probrm.errors import DataError

_FARTHEST = 1e9
"""Standard deviations: the square of a larger number leaves what float32 has before long."""
_ENOUGH = 10_000


@dataclass(frozen=True)
class Covariate:
    """One raw covariate and how it becomes columns.

    Attributes:
        name: the frame's column.
        kind: numbers are standardised, flags are 0/1, of texts each level but the reference is a 0/1 column.
        mean: of the training rows (numbers).
        sd: of the training rows, 1 where it is 0 (numbers).
        reference: the most frequent level, all zeros (text).
        levels: the others, sorted (text).
    """

    name: str
    kind: Literal["number", "flag", "text"]
    mean: float = 0.0
    sd: float = 1.0
    reference: str = ""
    levels: tuple[str, ...] = ()


@dataclass(frozen=True)
class FeatureMap:
    """From a frame of raw covariates to a float32 matrix. Fitted once, then the same for all rows ever scored."""

    covariates: tuple[Covariate, ...] = ()

    @classmethod
    def fit(cls, frame: pd.DataFrame) -> FeatureMap:
        """Learns means, standard deviations and levels.

        Raises:
            DataError: a number is not finite, or too large for its spread to be computed.
        """
        return cls(tuple(_fit(str(name), cast(pd.Series, frame[name])) for name in frame.columns))

    @property
    def names(self) -> tuple[str, ...]:
        """The matrix' columns: ``length``, ``code_block``, ``surface[ide]``."""
        found: list[str] = []
        for covariate in self.covariates:
            found += [f"{covariate.name}[{level}]" for level in covariate.levels] if covariate.kind == "text" else [covariate.name]
        return tuple(found)

    def transform(self, frame: pd.DataFrame) -> np.ndarray:
        """float32 (n, k), columns as in ``names``. A level that was not there in training counts as the reference level.

        Raises:
            DataError: a covariate is missing from the frame, or its values are of another kind than in training.
        """
        columns: list[np.ndarray] = []
        for covariate in self.covariates:
            values = self._column(frame, covariate)
            if covariate.kind == "text":
                texts = _as_text(values)
                columns += [texts == level for level in covariate.levels]
            elif covariate.kind == "flag":
                columns.append(_as_flag(values))
            else:
                columns.append(_standardised(values, covariate))
        if not columns:
            return np.zeros((len(frame), 0), np.float32)
        return np.ascontiguousarray(np.stack([c.astype(np.float32) for c in columns], axis=1))

    def unknown_levels(self, frame: pd.DataFrame) -> dict[str, int]:
        """Text covariate → how many rows have a level that was not there in training; covariates without such rows are left out."""
        counts: dict[str, int] = {}
        for covariate in self.covariates:
            if covariate.kind == "text":
                texts = pd.Series(_as_text(self._column(frame, covariate)), dtype=object)
                count = int((~texts.isin([covariate.reference, *covariate.levels])).sum())
                if count:
                    counts[covariate.name] = count
        return counts

    def to_dict(self) -> dict[str, Any]:
        """Plain types, for JSON; floats come back to the bit."""
        return {"covariates": [{**asdict(c), "levels": list(c.levels)} for c in self.covariates]}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> FeatureMap:
        """The inverse of ``to_dict``."""
        return cls(tuple(Covariate(**{**c, "levels": tuple(c["levels"])}) for c in data["covariates"]))

    def _column(self, frame: pd.DataFrame, covariate: Covariate) -> pd.Series:
        if covariate.name not in frame.columns:
            raise DataError(
                f"covariate {covariate.name!r} is missing; the model was fitted with it; found: {listed(map(str, frame.columns))}",
                fix="give the columns that the model was fitted with",
            )
        return cast(pd.Series, frame[covariate.name])


def _standardised(values: pd.Series, covariate: Covariate) -> np.ndarray:
    numbers = _as_number(values)
    found = (numbers - covariate.mean) / covariate.sd
    if (far := np.abs(found) > _FARTHEST).any():
        at = int(far.argmax())
        raise DataError(
            f"covariate {covariate.name!r}: found {numbers[at]:g} in row {at + 1}, {np.abs(found[at]):.0e} standard deviations from the mean of "
            f"the training rows ({covariate.mean:g}); allowed: {_FARTHEST:.0e}",
            fix="correct or remove it",
        )
    return found


def _is_told_apart(numbers: np.ndarray, mean: float, sd: float) -> bool:
    """Whether more than a tenth of the different numbers stay different in float32."""
    distinct = np.unique(numbers)
    distinct = distinct[:: max(1, len(distinct) // _ENOUGH)]
    return sd > 1e-12 * abs(mean) and 10 * len(np.unique(((distinct - mean) / sd).astype(np.float32))) > len(distinct)


def _fit(name: str, values: pd.Series) -> Covariate:
    if pd.api.types.is_bool_dtype(values):
        return Covariate(name, "flag")
    if pd.api.types.is_numeric_dtype(values):
        found = _as_number(values)
        with np.errstate(over="ignore", invalid="ignore"):
            mean, sd = (float(found.mean()), float(found.std())) if len(found) else (0.0, 1.0)
        if not (np.isfinite(mean) and np.isfinite(sd)):
            raise DataError(
                f"covariate {name!r}: its numbers are too large (up to {np.abs(found).max():g})", fix="rescale it, or take logarithms"
            )
        varies = len(found) > 0 and found.min() < found.max()
        if varies and not _is_told_apart(found, mean, sd):
            raise DataError(
                f"covariate {name!r}: its numbers lie from {found.min():g} to {found.max():g}, and most of them are the same once they are "
                "standardised (float32 has seven digits)",
                fix="subtract a constant, take logarithms, or remove the rows that lie far out",
            )
        return Covariate(name, "number", mean=mean, sd=sd if varies else 1.0)
    counts = Counter(_as_text(values))
    if not counts:
        return Covariate(name, "text")
    ordered = sorted(counts, key=lambda level: (-counts[level], level))
    return Covariate(name, "text", reference=ordered[0], levels=tuple(sorted(ordered[1:])))


def _as_number(values: pd.Series) -> np.ndarray:
    try:
        found = np.asarray(pd.to_numeric(values), dtype=np.float64)
    except (ValueError, TypeError) as error:
        raise DataError(
            f"covariate {str(values.name)!r}: numbers in training, and now {values.dtype} ({error})", fix="give numbers, as in training"
        ) from error
    if not np.isfinite(found).all():
        bad = int((~np.isfinite(found)).argmax())
        raise DataError(
            f"covariate {str(values.name)!r}: found {found[bad]} in row {bad + 1}; allowed: finite numbers", fix="fill or remove it"
        )
    return found


def _as_flag(values: pd.Series) -> np.ndarray:
    if pd.api.types.is_bool_dtype(values):
        return np.asarray(values, dtype=bool)
    words = [str(value).lower() for value in values]
    yes, no = np.isin(words, ["true", "1", "1.0"]), np.isin(words, ["false", "0", "0.0"])
    if not (yes | no).all():
        first = int((~(yes | no)).argmax())
        raise DataError(
            f"covariate {str(values.name)!r}: found {shown(values.iloc[first])} in row {first + 1}; allowed: true, false, as in training",
            fix="map it to true and false",
        )
    return yes


def _as_text(values: pd.Series) -> np.ndarray:
    return np.array([str(value) for value in values], dtype=object)
