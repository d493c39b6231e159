"""Rated answers, from which a log with a known truth can be made: one rating a row, or the two sides of preference pairs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from probrm.data.columns.matching import NATIVE, Part, assign, missing
from probrm.data.columns.texts import keep_usable, read_conversations
from probrm.data.columns.values import Cells, names, scores
from probrm.data.conversation import Conversation
from probrm.data.files.arrow import is_number
from probrm.data.files.hints import check_known, did_you_mean, listed
from probrm.data.files.tables import read_table
from probrm.data.pairs.formats import PAIR_NATIVE, holds_pairs
from probrm.data.pairs.read import PairSpec, read_pairs
from probrm.errors import ConfigError, DataError
from probrm.simulation.levels import above_median

RATED_NATIVE = {name: NATIVE[name] for name in ("prompt", "messages", "response", "id")} | {"rating": ("score", "overall", "grade")}
"""Native columns of rated answers, with what else they are often called."""
_RATINGS = ("rating", "label")


@dataclass(frozen=True)
class RatedSpec:
    """How to read rated answers.

    Attributes:
        columns: native name → the file's column, of ``RATED_NATIVE`` or, where the file holds pairs, of ``PAIR_NATIVE``.
        rating: the file's column of ratings; None: ``rating``, else ``label``, else the sides of pairs.
        threshold: ratings above it are good; None: the median.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    rating: str | None = None
    threshold: float | None = None


@dataclass(frozen=True)
class Rated:
    """n rated answers.

    Attributes:
        source: what was read.
        conversations: n prompts with their responses.
        rating: in the file's unit; of pairs, 1 for the chosen side and 0 for the other.
        good: the true preference: whether the rating lies above ``threshold``.
        threshold: see ``above_median``.
        row_id: n names, all different.
        notes: what a user should know about the reading, one sentence each.
    """

    source: str
    conversations: list[Conversation]
    rating: np.ndarray
    good: np.ndarray
    threshold: float
    row_id: np.ndarray
    notes: list[str]

    def __len__(self) -> int:
        return len(self.conversations)


def read_rated(source: str, spec: RatedSpec | None = None) -> Rated:
    """Reads answers with ratings, or pairs of which each side becomes an answer.

    Args:
        source: anything that ``read_table`` reads.
        spec: which column is what, and what counts as good.

    Raises:
        DataError: a column is missing, the ratings are no numbers or all the same, or too few rows can be used.
        ConfigError: a native column that does not exist.
    """
    spec = spec or RatedSpec()
    columns = dict(spec.columns)
    if spec.rating is not None and columns.setdefault("rating", spec.rating) != spec.rating:
        raise ConfigError(
            f"the rating is {columns['rating']!r} by --columns and {spec.rating!r} by --rating; allowed: one of the two",
            fix=f"leave one out: --rating {spec.rating}",
        )
    texts = {columns.get(name) or name for name in ("prompt", "messages", "response", "chosen", "rejected")}
    table = read_table(source, texts=texts, ids={columns.get("id") or "id"})
    if _is_pairs(table, columns):
        return _pairs(source, columns, spec.threshold)
    return _ratings(table, columns, spec.threshold, source)


def _is_pairs(table: pa.Table, columns: Mapping[str, str]) -> bool:
    there = set(table.column_names)
    rated = columns.get("rating") or any(name in there for name in _RATINGS)
    if rated and (columns.get("response") or "response" in there):
        return False
    return holds_pairs({*there, *(native for native in ("chosen", "rejected") if columns.get(native))})


def _pairs(source: str, columns: Mapping[str, str], threshold: float | None) -> Rated:
    if "rating" in columns:
        raise DataError(
            f"{source}: holds pairs, whose sides are good or not by which was chosen; found --rating {columns['rating']}",
            fix="leave --rating out, or name the column of responses too: --columns response=NAME",
        )
    for native in columns:
        check_known("--columns", native, PAIR_NATIVE, "--columns prompt=question,chosen=winner,rejected=loser")
    pairs = read_pairs(source, PairSpec(columns=columns), fitting=False, min_pairs=1)
    m = len(pairs)
    rating = np.concatenate([np.ones(m), np.zeros(m)])
    good, threshold = above_median(rating, threshold, source=source)
    row_id = np.array([f"{name}-{side}" for side in ("chosen", "rejected") for name in pairs.row_id], dtype=object)
    notes = [*pairs.notes, f"{m} pairs are {2 * m} answers: the chosen ones are good, the others not"]
    return Rated(source, [*pairs.chosen, *pairs.rejected], rating, good, threshold, row_id, notes)


def _ratings(table: pa.Table, columns: Mapping[str, str], threshold: float | None, source: str) -> Rated:
    for native in columns:
        check_known("--columns", native, RATED_NATIVE, "--columns prompt=question,response=answer")
    notes: list[str] = []
    parts = assign(table, columns, {}, source, RATED_NATIVE)
    if "rating" not in parts and "label" in table.column_names and columns.get("rating") != "":
        parts["rating"] = Part("label", table.column("label"))
    if "prompt" not in parts and "messages" not in parts:
        raise missing(source, "prompt", "prompt", table.column_names, RATED_NATIVE)
    if "rating" not in parts:
        raise _no_rating(table, source)
    rows = np.arange(table.num_rows, dtype=np.int64)
    rating = scores(Cells.of(source, parts["rating"].name, parts["rating"].values, rows), fix="map the ratings to numbers")
    rated = ~np.isnan(rating)
    if not rated.all():
        notes.append(f"dropped: {int((~rated).sum())} of {len(rows)} rows have no rating ({parts['rating'].name})")
    rows = rows[rated]
    if not len(rows):
        raise DataError(f"{source}, column {parts['rating'].name!r}: no row has a rating", fix="name another column: --rating NAME")
    prompt = parts.get("prompt") or parts["messages"]
    found = read_conversations(prompt, parts.get("response"), rows, source, chat="prompt" not in parts, notes=notes)
    conversations, kept = keep_usable(found, rows, source, notes)
    rating = rating[kept]
    good, threshold = above_median(rating, threshold, source=source)
    return Rated(source, conversations, rating, good, threshold, _row_id(parts, kept, source), notes)


def _row_id(parts: Mapping[str, Part], rows: np.ndarray, source: str) -> np.ndarray:
    """Column ``id`` where it names every row otherwise, else the position."""
    if "id" in parts:
        found = names(Cells.of(source, parts["id"].name, parts["id"].values, rows), fix="leave the column out: --columns id=")
        if None not in found and len(set(found)) == len(found):
            return found
    return np.array([str(row) for row in rows], dtype=object)


def _no_rating(table: pa.Table, source: str) -> DataError:
    numeric = [field.name for field in table.schema if is_number(field.type)]
    close = did_you_mean("rating", [name for name in numeric if name != "action"])  # near enough in letters, and never meant
    fix = f"name the column that holds them: --rating {numeric[0]}" if numeric else "give a file with a numeric column of ratings"
    return DataError(
        f"{source}: there is no column 'rating' or 'label', and no pairs (chosen, rejected); numeric columns: "
        f"{listed(numeric) or 'none'}; all: {listed(table.column_names)}",
        fix=f"{close} then: --rating NAME" if close else fix,
    )
