"""Correlations of columns with an interval that draws whole groups: answers to one prompt are no independent evidence."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

from probrm.evaluation.intervals import LEVEL
from probrm.evaluation.resample import Resamples


def correlations(
    x: Float[np.ndarray, "n a"],
    y: Float[np.ndarray, "n b"],
    group: Int[np.ndarray, " n"],
    *,
    within: bool = True,
    draws: int = 1000,
    seed: int = 0,
) -> Float[np.ndarray, "3 a b"]:
    """Pearson's correlation of each column of x with each of y: value, and ends of its central 90 % interval.

    The interval is the percentile interval of the bootstrap over groups (Davison & Hinkley 1997, section 3.8). A row counts for a column of
    y where y is a number.

    Args:
        x: columns without missing values.
        y: columns; NaN where missing.
        group: of each row: what is drawn with replacement.
        within: whether columns are centred within each group, so that only differences between rows of one group count.
        draws: number of resamples.
        seed: of the resamples.

    Returns:
        NaN where a column does not vary, or does not on most of the resamples.
    """
    _, place = np.unique(group, return_inverse=True)
    groups, (a, b) = int(place.max()) + 1 if len(place) else 0, (x.shape[1], y.shape[1])
    sums = np.stack([_sums(x, column, place, groups, within=within) for column in y.T], 1) if b else np.zeros((groups, 0, 3 * a + 3))
    value = _correlation(sums.sum(0, keepdims=True), a)[0]
    drawn = [_correlation(np.tensordot(counts, sums, 1), a) for counts in Resamples(groups, groups, draws, seed)] if groups else []
    spread = np.concatenate([np.full((0, b, a), np.nan), *drawn])
    usual = np.isfinite(value) & (np.isfinite(spread).sum(0) > len(spread) / 2)
    low, high = np.full((2, b, a), np.nan)
    for at in np.argwhere(usual):
        low[tuple(at)], high[tuple(at)] = np.nanquantile(spread[:, at[0], at[1]], [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return np.stack([value, low, high]).transpose(0, 2, 1)


def _sums(x: np.ndarray, y: np.ndarray, place: np.ndarray, groups: int, *, within: bool) -> Float[np.ndarray, "g m"]:
    """Of each group: number of rows, Σy, Σy², then Σx, Σx² and Σxy of each column of x."""
    there = np.isfinite(y)
    columns, place = np.column_stack([y[there], x[there]]).astype(np.float64), place[there]
    columns -= columns.mean(0) if len(columns) else 0.0  # sums of squares lose no digits then
    if within:
        count = np.maximum(np.bincount(place, minlength=groups), 1)
        columns -= (_by_group(columns, place, groups) / count[:, None])[place]
    one, y, x = np.ones((len(columns), 1)), columns[:, :1], columns[:, 1:]
    return _by_group(np.hstack([one, y, y**2, x, x**2, x * y]), place, groups)


def _by_group(columns: np.ndarray, place: np.ndarray, groups: int) -> Float[np.ndarray, "g m"]:
    found = np.zeros((groups, columns.shape[1]))
    np.add.at(found, place, columns)
    return found


def _correlation(sums: Float[np.ndarray, "s b m"], a: int) -> Float[np.ndarray, "s b a"]:
    """From sums over the rows; NaN where x or y has no variance."""
    count, y, yy = (sums[..., i, None] for i in range(3))
    x, xx, xy = (sums[..., 3 + i * a : 3 + (i + 1) * a] for i in range(3))
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = (xx - x**2 / count) * (yy - y**2 / count)
        return np.where(spread > 1e-18 * count**2, (xy - x * y / count) / np.sqrt(spread), np.nan)
