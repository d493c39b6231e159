"""Values of a covariate as groups of rows: levels, or quintiles of a number."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from jaxtyping import Int, Shaped

Array = np.ndarray
_PARTS = 5
_FEW = 8
"""Distinct numbers up to which each is a level of its own."""


def group_codes(values: Shaped[Array, " n"], *, codes: bool = False) -> tuple[Int[Array, " n"], list[str]]:
    """Group of each row, and the groups' names.

    Args:
        values: texts, booleans or numbers; None and NaN are the group ``missing``.
        codes: numbers are levels, however many there are.
    """
    if values.dtype.kind == "f":
        values = values + 0.0  # −0 is 0
    if values.dtype.kind in "fiu" and not codes:
        numbers = values.astype(np.float64)
        present = numbers[~np.isnan(numbers)]
        if len(np.unique(present)) > _FEW:
            return _quintiles(numbers, present)
    texts = np.array([_text(value) for value in values.tolist()], dtype=object)
    names, code = np.unique(texts.astype(str), return_inverse=True)
    return code, names.tolist()


def _quintiles(numbers: Array, present: Array) -> tuple[Array, list[str]]:
    """Ties stay together, so parts may be unequal or fewer than five."""
    inner = np.unique(np.quantile(present, np.arange(1, _PARTS) / _PARTS, method="inverted_cdf"))
    inner = inner[inner < present.max()]
    code = np.searchsorted(inner, numbers, side="left")
    ends = [present.min(), *inner, present.max()]
    names = [f"{low:.4g} to {high:.4g}" for low, high in pairwise(ends)]
    missing = np.isnan(numbers)
    return np.where(missing, len(names), code), [*names, "missing"]


def _text(value: object) -> str:
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return "missing"
    return f"{value:.6g}" if isinstance(value, float) else str(value)
