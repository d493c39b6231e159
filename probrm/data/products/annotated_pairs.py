"""Comparisons that annotators made in Argilla or Label Studio, as pairs."""

from __future__ import annotations

from itertools import combinations

import pyarrow as pa

from probrm.data.products import argilla, label_studio
from probrm.data.products.comparisons import comparisons
from probrm.data.products.records import records
from probrm.data.products.registry import recognise
from probrm.data.products.shape import shaped
from probrm.errors import DataError

MOST_PAIRS = 10_000_000
_READERS = {"argilla": argilla.given_of, "label-studio": label_studio.given_of}


def annotated_pairs(source: str, question: str | None = None) -> tuple[pa.Table, list[str], str] | None:
    """``prompt``, ``chosen``, ``rejected``, ``user_id`` and ``id``, one row a comparison, notes, and the product's name; None of other sources.

    A ranking of more than two answers is a comparison of each two. Ties say nothing and are counted.

    Args:
        source: anything that ``read_table`` reads, or an export of a product.
        question: the question whose answer decides, where several compare.

    Raises:
        DataError: as of ``comparisons``; what the reader of records says.
    """
    found = recognise(source)
    if found is None or found.name not in _READERS:
        return None
    with shaped(source, found.title):
        given, notes = _READERS[found.name](list(records(source)))
        compared, said = comparisons(given, source, question)
    if not compared:
        return None
    count = sum(len(one.ranks) * (len(one.ranks) - 1) // 2 for one in compared)
    if count > MOST_PAIRS:
        raise DataError(
            f"{source}: makes {count:,} comparisons; allowed: at most {MOST_PAIRS:,}", fix="cut the file, or the longest rankings in it"
        )
    rows, ties = [], 0
    for one in compared:
        chat = [{"role": role, "content": content} for role, content in one.given.texts.prompt]
        for first, second in combinations(one.texts, 2):
            if one.ranks[first] == one.ranks[second]:
                ties += 1
                continue
            better, worse = (first, second) if one.ranks[first] < one.ranks[second] else (second, first)
            rows.append(
                {
                    "prompt": chat,
                    "chosen": one.texts[better],
                    "rejected": one.texts[worse],
                    "user_id": one.given.user,
                    "id": f"{one.given.id}/{better}/{worse}",
                }
            )
    notes = [f"read as {found.title} (--preset {found.name}): {len(rows)} comparisons", *notes, *said]
    notes.append("users are the annotators' accounts")
    if ties:
        notes.append(f"dropped: {ties} ties")
    if not rows:
        raise DataError(f"{source}: all {ties} comparisons are ties", fix="a model of pairs needs some comparisons with a winner")
    return pa.Table.from_pylist(rows), notes, found.name
