"""Ratings as verdicts (good or not) and as levels from 1 to 5, as the literature's simulations take them."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float

from probrm.errors import DataError


def above_median(
    rating: Float[np.ndarray, " n"], threshold: float | None = None, *, source: str = "ratings"
) -> tuple[Bool[np.ndarray, " n"], float]:
    """Ratings above the median are good. Where nothing lies above it, those at the median are, and the threshold is the level below.

    Args:
        rating: n finite numbers in the file's unit.
        threshold: ratings above it are good, whatever the median is.
        source: the file, for messages.

    Returns:
        Which ratings are good, and the number that they lie above.

    Raises:
        DataError: all ratings are one level, or all lie on one side of ``threshold``.
    """
    levels = np.unique(rating)
    if len(levels) < 2:
        found = f"is {levels[0]:g} in all {len(rating)} rows" if len(levels) else "has no value"
        raise DataError(
            f"{source}: the rating {found}; allowed: at least two levels", fix="name the column that holds ratings: --rating NAME"
        )
    if threshold is None:
        middle = float(np.median(rating))
        threshold = middle if middle < levels[-1] else float(levels[-2])
    good = rating > threshold
    if not 0 < good.sum() < len(good):
        raise DataError(
            f"{source}: with --threshold {threshold:g} {'every' if good.all() else 'no'} rating is good; allowed: from {levels[0]:g} "
            f"to below {levels[-1]:g}",
            fix=f"use --threshold {float(np.median(levels[:-1])):g}, or leave it out: the median",
        )
    return good, threshold


def on_five_levels(rating: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """Ratings moved and stretched so that the lowest is 1 and the highest 5.

    Raises:
        DataError: all ratings are one level.
    """
    low, high = float(rating.min()), float(rating.max())
    if low == high:
        raise DataError(f"the rating is {low:g} in all {len(rating)} rows; allowed: at least two levels", fix="give ratings that differ")
    return 1 + 4 * (rating - low) / (high - low)
