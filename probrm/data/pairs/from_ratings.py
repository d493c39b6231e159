"""All pairs of rated responses to the same prompt."""

from __future__ import annotations

import warnings
from collections import defaultdict

import numpy as np

from probrm.data.pairs.agreement import check_scores
from probrm.data.pairs.attributes import keep_informative, stack
from probrm.data.pairs.pairs import Pairs
from probrm.data.pairs.rank_check import check_score
from probrm.data.pairs.rated_responses import Ratings
from probrm.data.pairs.rating_names import direction, is_rank
from probrm.data.pairs.recognise import Reading
from probrm.errors import DataError

_TINY = 1e-6  # ratings are often means rounded to some decimals
_MOST = 10_000_000
_SAME_SCALE = 2.0
"""Attributes whose ranges differ by a larger factor are of different scales."""


def pair_up(ratings: Ratings, reading: Reading) -> Pairs:
    """All pairs of rated responses within a group, in the file's order; ties are kept.

    The margin is the difference of the overall ratings; without them, the mean difference over the attributes that both responses
    have. The better response is the chosen one, in a tie the earlier one. A tie is a difference below ``min_difference``, or of
    nothing, to within 1e-6.

    Raises:
        DataError: no two responses share a group, there are too many pairs, or a named attribute does not vary.
    """
    first, second = _within(ratings, reading)
    scored = keep_informative({name: (values[first], values[second]) for name, values in ratings.attributes.items()}, reading)
    names, left, right = stack(scored)
    if ratings.overall is not None:
        difference = ratings.overall[first] - ratings.overall[second]
    elif left is not None and right is not None:
        difference = _mean_difference(scored, reading)
    else:  # no attribute is left, so no pair has anything to be distinguished by
        difference = np.zeros(len(first))
    if ratings.overall is not None:
        reading.told.append(f"{direction(ratings.overall_name)}")
        if is_rank(ratings.overall_name) and left is not None and "overall" not in reading.spec.columns:
            _check_rank(difference, scored, reading, ratings.overall_name)
        elif not is_rank(ratings.overall_name) and "overall" not in reading.spec.columns:
            check_score(reading, difference, ratings.rows[first], ratings.rows[second], ratings.overall_name)
    else:
        mean = "the mean of " if len(names) > 1 else ""
        reading.told.append(f"{mean}{', '.join(map(direction, names))}")
    by = "the overall rating" if ratings.overall is not None else "the mean of the attributes"
    reading.notes.append(f"pairs are made by {by}, {len(first)} within {len(np.unique(ratings.group[first]))} prompts")
    if "weight" in reading.parts:
        reading.notes.append(f"not used: {reading.parts['weight'].name}; pairs made from ratings all weigh the same")
    rated = ~np.isnan(difference)
    if not rated.all():
        reading.notes.append(f"dropped: {int((~rated).sum())} of {len(rated)} pairs, because a response of theirs has no rating")
    tie = np.abs(difference) < max(reading.spec.min_difference - _TINY, _TINY)
    swap = (difference < 0) & ~tie
    chosen, rejected = np.where(swap, second, first), np.where(swap, first, second)
    signs = np.where(tie, "=", ">")
    pairs = Pairs(
        source=reading.source,
        chosen=[ratings.conversations[i] for i in chosen],
        rejected=[ratings.conversations[i] for i in rejected],
        outcome=np.where(tie, 0.5, 1.0).astype(np.float32),
        weight=np.ones(len(chosen), np.float32),
        margin=np.where(swap, -difference, difference).astype(np.float32),
        user=None if ratings.user is None else ratings.user[chosen],
        subset=None if ratings.subset is None else ratings.subset[chosen],
        attributes=names,
        chosen_scores=None if left is None or right is None else np.where(swap[:, None], right, left),
        rejected_scores=None if left is None or right is None else np.where(swap[:, None], left, right),
        row_id=np.array(
            [f"{ratings.ids[i]}{sign}{ratings.ids[j]}" for i, sign, j in zip(chosen, signs, rejected, strict=True)], dtype=object
        ),
        rows=ratings.rows[chosen],
        notes=reading.notes,
        table=reading.table,
    )
    return pairs.take(rated)


def _mean_difference(scored: dict[str, tuple[np.ndarray, np.ndarray]], reading: Reading) -> np.ndarray:
    """The mean over the attributes that both responses have, in their own unit or, where scales differ, in standard deviations."""
    values = {name: np.concatenate(sides) for name, sides in scored.items()}
    ranges = {name: np.nanmax(column) - np.nanmin(column) for name, column in values.items()}
    units = dict.fromkeys(scored, 1.0)
    if max(ranges.values()) > _SAME_SCALE * min(ranges.values()):
        units = {name: float(np.nanstd(column)) or 1.0 for name, column in values.items()}
        reading.notes.append("the attributes have different scales: each is divided by its standard deviation before their mean is taken")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # the mean of nothing is what is wanted: missing
        return np.nanmean(np.stack([(a - b) / units[name] for name, (a, b) in scored.items()]), axis=0)


def _check_rank(difference: np.ndarray, scored: dict[str, tuple[np.ndarray, np.ndarray]], reading: Reading, rank: str) -> None:
    """A rank in which higher is better would turn all preferences round; ratings in the same file show it."""
    ratings = _mean_difference(scored, reading)
    along = np.where(difference < 0, -ratings, ratings)
    outcome = np.where(np.isnan(difference) | (difference == 0), 0.5, 1.0)
    fix = f"name what decides: --columns overall=NAME, or --columns overall= for the mean of the ratings; lower `{rank}` is read as better"
    check_scores(along, outcome, source=reading.source, choice=f"`{rank}`", scores=f"the ratings {', '.join(scored)}", fix=fix, most=2 / 3)


def _within(ratings: Ratings, reading: Reading) -> tuple[np.ndarray, np.ndarray]:
    """All (i, j), i < j, of the same group; groups in the order in which they first occur."""
    members: dict[int, list[int]] = defaultdict(list)
    for position, group in enumerate(ratings.group.tolist()):
        members[group].append(position)
    several = [np.array(positions) for positions in members.values() if len(positions) > 1]
    lonely = ratings.groups - len(several)
    said = f"{lonely} of {ratings.groups} prompts have fewer than two usable responses"
    fix = "give several responses to the same prompt, written in the same way, each in a row of its own"
    if not several:
        raise DataError(f"{reading.source}: {said}, and pairs are made within a prompt", fix=fix)
    if lonely:
        reading.notes.append(f"dropped: {said}")
    count = sum(len(positions) * (len(positions) - 1) // 2 for positions in several)
    if count > _MOST:
        largest = max(map(len, several))
        raise DataError(
            f"{reading.source}: makes {count:,} pairs; allowed: at most {_MOST:,} (one prompt has {largest:,} responses)",
            fix="cut the file, or pair the responses yourself and give prompt, chosen, rejected",
        )
    corners = {k: np.triu_indices(k, 1) for k in {len(positions) for positions in several}}
    found = [(positions[corners[len(positions)][0]], positions[corners[len(positions)][1]]) for positions in several]
    return np.concatenate([i for i, _ in found]), np.concatenate([j for _, j in found])
