"""Preference pairs: read from whatever form they are published in, checked, and cut to those that can be used."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from probrm.data.files.memory import bounded
from probrm.data.files.tables import read_table
from probrm.data.how_read import HowRead
from probrm.data.pairs.agreement import note_contradictions
from probrm.data.pairs.answer_lists import with_rows_of_answers
from probrm.data.pairs.chosen_rejected import read_sided
from probrm.data.pairs.formats import IDS, TEXTS
from probrm.data.pairs.from_ratings import pair_up
from probrm.data.pairs.nested import heads
from probrm.data.pairs.pairs import Pairs
from probrm.data.pairs.rated_responses import read_ratings
from probrm.data.pairs.rating_names import is_lower
from probrm.data.pairs.recognise import Reading, recognise
from probrm.data.pairs.spec import PairSpec
from probrm.data.pairs.ultrafeedback import read_completions
from probrm.data.products.annotated_pairs import annotated_pairs
from probrm.errors import DataError

__all__ = ["PairSpec", "Pairs", "read_pairs"]


@bounded
def read_pairs(source: str, spec: PairSpec | None = None, *, fitting: bool = True, min_pairs: int = 20) -> Pairs:
    """Reads and checks preference pairs.

    The form is told from the columns, unless the spec names it: prompt, chosen, rejected as text or chats, with the prompt in a
    column of its own or at the start of both sides; UltraFeedback, binarized or as published; PKU-SafeRLHF; or rated responses, of
    which pairs are made within a prompt. In files of one pair a row each row gives at most one pair.

    A tie is a pair of which neither side is preferred: column ``tie`` is 1, else both overall scores are equal, else (pairs made from
    ratings) they differ by less than ``min_difference`` or not at all.

    Args:
        source: anything that ``read_table`` reads.
        spec: which column is what, which attributes are read, what becomes of ties.
        fitting: whether a model will be fitted. Then optional columns must have possible values, attributes must vary and there must
            be several prompts; otherwise what cannot be used is left out with a note.
        min_pairs: how many usable pairs there must be.

    Raises:
        DataError: the file, a column, a row or the pairs as a whole cannot be used; says which, and what is allowed.
    """
    spec = spec or PairSpec()
    texts, ids = ({*names, *(spec.columns.get(name) or name for name in names)} for names in (TEXTS, IDS))
    annotated = annotated_pairs(source, spec.columns.get("choice")) if spec.preset is None else None
    table, notes, product = annotated or (read_table(source, texts=texts, ids=ids), [], "")
    if annotated is None:
        table = with_rows_of_answers(table, spec, source, notes)
    else:
        spec = replace(spec, columns={native: name for native, name in spec.columns.items() if native != "choice"})
    reading = recognise(table, spec, source, fitting=fitting)
    reading.notes.extend(notes)
    pairs = READERS[reading.about.reader](reading)
    pairs = _without_identical(pairs)
    note_contradictions(pairs)
    pairs = _settle_ties(pairs, spec)
    if len(pairs) < max(min_pairs, 1):
        raise DataError(
            f"{source}: {len(pairs)} usable pairs; at least {max(min_pairs, 1)} are needed" + "".join(f" ({note})" for note in pairs.notes),
            fix="give more pairs; from fewer nothing can be distinguished",
        )
    if fitting:
        _check_prompts(pairs)
    pairs = replace(pairs, how=_how(pairs, reading, product))
    pairs.notes.append(_what_decides(pairs))
    if reading.about.reader == "pair" and table.num_rows == reading.table.num_rows:
        pairs = replace(pairs, table=table)  # as it is in the file
    return _a_row_counts_once(pairs) if reading.about.reader == "pair" else pairs


READERS: dict[str, Callable[[Reading], Pairs]] = {
    "pair": read_sided,
    "rated": lambda reading: pair_up(read_ratings(reading), reading),
    "list": lambda reading: pair_up(read_completions(reading), reading),
}
"""``Form.reader`` → what reads such files."""


def _a_row_counts_once(pairs: Pairs) -> Pairs:
    """Divides the weights of the pairs that a row makes by their number."""
    _, back, counts = np.unique(pairs.rows, return_inverse=True, return_counts=True)
    return replace(pairs, weight=(pairs.weight / counts[back]).astype(np.float32))


def _without_identical(pairs: Pairs) -> Pairs:
    same = np.array([c.response.strip() == r.response.strip() for c, r in zip(pairs.chosen, pairs.rejected, strict=True)], dtype=bool)
    if not same.any():
        return pairs
    first = pairs.rows[same.argmax()] + 1
    if same.all():
        raise DataError(
            f"{pairs.source}: chosen and rejected are identical in all {len(pairs)} pairs (the first is row {first}); "
            "allowed: two different responses",
            fix="check which columns hold the two sides: --columns chosen=NAME,rejected=NAME",
        )
    pairs.notes.append(
        f"dropped: {int(same.sum())} of {len(pairs)} pairs have identical chosen and rejected sides (the first is row {first})"
    )
    return pairs.take(~same)


def _settle_ties(pairs: Pairs, spec: PairSpec) -> Pairs:
    tie = pairs.outcome == 0.5
    if pairs.margin is not None and (against := int((pairs.margin[~tie] < 0).sum())):
        pairs.notes.append(f"the margin is negative in {against} of {len(pairs)} pairs: there the chosen side has the lower score")
    if not tie.any():
        return pairs
    if spec.ties == "davidson":
        pairs.notes.append(f"kept: {int(tie.sum())} of {len(pairs)} pairs are ties")
        return pairs
    pairs.notes.append(f"dropped: {int(tie.sum())} of {len(pairs)} pairs are ties; to model them: --ties davidson")
    return pairs.take(~tie)


def _check_prompts(pairs: Pairs) -> None:
    first = pairs.chosen[0].prompt_text
    if all(conversation.prompt_text == first for conversation in pairs.chosen):
        raise DataError(
            f"{pairs.source}: all {len(pairs)} pairs answer one prompt; allowed: at least two, or none could be held out to test on",
            fix="give pairs of several prompts, or check which column holds them: --columns prompt=NAME",
        )


def _how(pairs: Pairs, reading: Reading, annotated: str) -> HowRead:
    """The form of the file, or the product that annotators worked with, and, of a fit, which columns are not used."""
    used = {column for part in reading.parts.values() for column in heads(part.name)} | reading.used
    names = {name.removeprefix("-") for name in pairs.attributes}
    used |= names | {column for columns in reading.scored.items() if columns[0] in names for column in columns[1]}
    ignored = [name for name in reading.table.column_names if name not in used]
    return HowRead(
        form=annotated or reading.form,
        named=reading.spec.preset is not None,
        columns={native: part.name for native, part in reading.parts.items()},
        ignored=tuple(ignored) if reading.fitting else (),
        preferred="; ".join(reading.told),
        first_preferred=pairs.how.first_preferred,
    )


def _what_decides(pairs: Pairs) -> str:
    """What makes a response preferred, in which direction; which attributes there are; and which columns are not used."""
    told = [f"preferred: {pairs.how.preferred}"] if pairs.how.preferred else []
    if pairs.attributes:
        told.append("attributes: " + ", ".join(f"{name} (lower is better)" if is_lower(name) else name for name in pairs.attributes))
    if pairs.how.ignored:
        told.append(f"ignored: {', '.join(pairs.how.ignored)}")
    return "; ".join(told)
