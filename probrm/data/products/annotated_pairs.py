"""Comparisons that annotators made in Argilla or Label Studio, as pairs."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import Any

import pyarrow as pa

from probrm.data.products import argilla, label_studio
from probrm.data.products.annotated import Given
from probrm.data.products.contents import dig, parsed
from probrm.data.products.records import records
from probrm.data.products.registry import recognise
from probrm.data.products.shape import shaped
from probrm.errors import DataError

MOST_PAIRS = 10_000_000
_READERS = {"argilla": argilla.given_of, "label-studio": label_studio.given_of}


def annotated_pairs(source: str) -> tuple[pa.Table, list[str], str] | None:
    """``prompt``, ``chosen``, ``rejected``, ``user_id`` and ``id``, one row a comparison, notes, and the product's name; None of other sources.

    A ranking of more than two answers is a comparison of each two. Ties say nothing and are counted.

    Raises:
        DataError: an answer that was chosen is not among the record's fields; what the reader of records says.
    """
    found = recognise(source)
    if found is None or found.name not in _READERS:
        return None
    with shaped(source, found.title):
        given, notes = _READERS[found.name](list(records(source)))
        ranked = [(one, ranks) for one in given for value in one.values.values() if (ranks := _ranks(value)) is not None]
    if not ranked:
        return None
    count = sum(len(ranks) * (len(ranks) - 1) // 2 for _, ranks in ranked)
    if count > MOST_PAIRS:
        raise DataError(
            f"{source}: makes {count:,} comparisons; allowed: at most {MOST_PAIRS:,}", fix="cut the file, or the longest rankings in it"
        )
    rows, ties = [], 0
    for one, ranks in ranked:
        answers = _named(one, ranks, source)
        for first, second in combinations(answers, 2):
            if ranks[first] == ranks[second]:
                ties += 1
                continue
            better, worse = (first, second) if ranks[first] < ranks[second] else (second, first)
            chat = [{"role": role, "content": content} for role, content in one.texts.prompt]
            rows.append(
                {
                    "prompt": chat,
                    "chosen": answers[better],
                    "rejected": answers[worse],
                    "user_id": one.user,
                    "id": f"{one.id}/{better}/{worse}",
                }
            )
    notes = [f"read as {found.title} (--preset {found.name}): {len(rows)} comparisons", *notes]
    notes.append("users are the annotators' accounts")
    if ties:
        notes.append(f"dropped: {ties} ties")
    if not rows:
        raise DataError(f"{source}: all {ties} comparisons are ties", fix="a model of pairs needs some comparisons with a winner")
    return pa.Table.from_pylist(rows), notes, found.name


def _ranks(value: Any) -> dict[str, int] | None:
    """Answer → rank, 1 the best; None of what is no comparison."""
    value = parsed(value)
    if value in ("left", "right"):
        return {"left": 1, "right": 2} if value == "left" else {"left": 2, "right": 1}
    if isinstance(value, list) and len(value) > 1:
        if all(isinstance(one, str) for one in value):
            return {name: rank for rank, name in enumerate(value, start=1)}
        if all(isinstance(one, Mapping) and dig(one, "rank") is not None for one in value):
            return {str(one["value"]): int(one["rank"]) for one in value}
    return None


def _named(one: Given, ranks: Mapping[str, int], source: str) -> dict[str, str]:
    """The ranked answers' texts."""
    texts = one.texts.answers
    if set(ranks) == {"left", "right"} and len(texts) == 2:
        return dict(zip(("left", "right"), texts.values(), strict=True))
    return dict(_find(one, name, source) for name in ranks)


def _find(one: Given, name: str, source: str) -> tuple[str, str]:
    text = one.texts.answers.get(name) or one.fields.get(name)
    if not isinstance(text, str):
        raise DataError(
            f"{source}, record {one.id}: {name!r} was ranked, and no field with a text is called so; found: {', '.join(map(str, one.fields))}",
            fix="call the options of the question as the fields that they stand for, and export again",
        )
    return name, text
