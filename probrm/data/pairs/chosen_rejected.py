"""Files with one pair a row: a prompt, two answers, which of them is preferred, and what else is said about them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from probrm.data.columns.matching import Part
from probrm.data.columns.roles import Roles
from probrm.data.columns.sides import TwoSides, marks_of
from probrm.data.columns.texts import keep_usable
from probrm.data.columns.values import Cells, binary, names, scores
from probrm.data.covariates.reading import MISSING_LEVEL
from probrm.data.how_read import HowRead
from probrm.data.pairs.agreement import check_scores
from probrm.data.pairs.attributes import keep_informative, read_attributes, stack
from probrm.data.pairs.choices import Choice
from probrm.data.pairs.deciding import read_deciding
from probrm.data.pairs.pairs import Pairs
from probrm.data.pairs.rank_check import check_ranks
from probrm.data.pairs.rating_names import OVERALL, is_rating
from probrm.data.pairs.recognise import Reading
from probrm.data.pairs.side_by_side import scores_of
from probrm.data.pairs.texts import read_sides

_TIE_FIX = "say 1 where neither side is preferred, or leave the column out: --columns tie="


def read_sided(reading: Reading) -> Pairs:
    """Pairs of every form with one pair a row; ties are kept.

    A pair is a tie where the choice or the column ``tie`` says so; without either, where the overall scores of both sides are equal. The
    margin is the column ``margin``, the strength of the choice, or the difference of the overall scores.

    Raises:
        DataError: a column or a value cannot be used, or the overall scores contradict the preference in most rows.
    """
    source, parts, notes = reading.source, reading.parts, reading.notes
    columns = ("chosen", "rejected") if "chosen" in parts else ("response_0", "response_1")
    answers = TwoSides(parts[columns[0]].name, parts[columns[1]].name, marks_of(parts[columns[0]].name, parts[columns[1]].name))
    rows = np.arange(reading.table.num_rows, dtype=np.int64)
    choice = None if columns[0] == "chosen" else read_deciding(reading, answers, rows)
    if choice is not None:
        said = [None if np.isnan(side) else side for side in choice.side]
        fix = "remove these rows, or say what their values mean: --choices first=VALUE,second=VALUE,tie=VALUE"
        _, rows = keep_usable(said, rows, source, notes, what="rows do not say which side is preferred", fix=fix)
    else:
        reading.told.append(f"`{answers.first}` over `{answers.second}`")
    texts = {"prompt": parts["prompt"]} if "prompt" in parts else {}
    texts |= {"chosen": parts[columns[0]], "rejected": parts[columns[1]]}
    at_words, there = reading.spec.preset == "trl", reading.table.column_names
    sides, rows, number = read_sides(texts, rows, source, at_words=at_words, available=there, notes=notes)
    second = np.zeros(len(rows), bool) if choice is None else choice.side[rows] == 1
    roles = Roles(source, parts, rows, fitting=reading.fitting, required=frozenset(), notes=notes)
    candidates, one_sided, natives = _scored(reading, answers, rows, columns)
    difference = _difference(roles, natives)
    difference = None if difference is None else np.where(second, -difference, difference)
    tie = _ties(roles, choice, rows, difference)
    if difference is not None and (choice is None or "choice" in parts):
        _check(reading, difference, tie, answers, natives)
    elif difference is None:
        check_ranks(reading, second, tie, rows, answers)
    margin = roles.read("margin", _scores("margin"))
    if margin is not None and choice is None:
        name, outcome = parts["margin"].name, np.where(tie, 0.5, 1.0)
        turn = f"--columns chosen={answers.second},rejected={answers.first}"
        fix = f"if the sides are the wrong way round: {turn}; if the column is no margin of the preferred side: --columns margin="
        preferred = f"`{answers.first}` over `{answers.second}`"
        check_scores(margin, outcome, source=source, choice=preferred, scores=f"the margin `{name}`", fix=fix)
    if margin is None and choice is not None and choice.strength is not None:
        margin = choice.strength[rows]
    margin = difference if margin is None else margin
    read = read_attributes(candidates, reading, one_sided=one_sided)
    swapped = {name: (np.where(second, b, a), np.where(second, a, b)) for name, (a, b) in read.items()}
    attributes, chosen_scores, rejected_scores = stack(keep_informative(swapped, reading))
    ordered = [(b, a) if swap else (a, b) for (a, b), swap in zip(sides, second.tolist(), strict=True)]
    return Pairs(
        source=source,
        chosen=[chosen for chosen, _ in ordered],
        rejected=[rejected for _, rejected in ordered],
        outcome=np.where(tie, 0.5, 1.0).astype(np.float32),
        weight=roles.weight(),
        margin=None if margin is None else margin.astype(np.float32),
        user=roles.user(),
        subset=read_subset(roles),
        attributes=attributes,
        chosen_scores=chosen_scores,
        rejected_scores=rejected_scores,
        row_id=_row_ids(reading, rows, number),
        rows=rows,
        notes=notes,
        table=reading.table,
        how=HowRead(first_preferred=None if choice is None or tie.all() else float(1 - second[~tie].mean())),
    )


def read_subset(roles: Roles) -> np.ndarray | None:
    """Object (n,) of str from the column ``subset``; rows without one form a subset of their own."""
    subset = roles.read(
        "subset", lambda cells: names(cells, fix="name the column that says which subset a row is of: --columns subset=NAME")
    )
    if subset is not None:
        subset[[value is None for value in subset]] = MISSING_LEVEL
    return subset


def _row_ids(reading: Reading, rows: np.ndarray, number: np.ndarray | None) -> np.ndarray:
    """Ids of the rows, with the number of the pair where a row makes several."""
    distinct, back = np.unique(rows, return_inverse=True)
    ids = Roles(reading.source, reading.parts, distinct, fitting=reading.fitting, required=frozenset(), notes=reading.notes).row_id()[back]
    return ids if number is None else np.array([f"{name}:{k}" for name, k in zip(ids, number.tolist(), strict=True)], dtype=object)


def _scores(native: str) -> Callable[[Cells], np.ndarray]:
    return lambda cells: scores(cells, fix=f"write numbers, or leave the column out: --columns {native}=")


Candidates = dict[str, list[Cells]]


def _scored(
    reading: Reading, answers: TwoSides, rows: np.ndarray, columns: tuple[str, str]
) -> tuple[Candidates, list[str], tuple[str, str]]:
    """Attribute → cells of both sides; the rating columns that have no counterpart; and the natives of the overall scores."""
    table, used = reading.table, {part.name for part in reading.parts.values()}
    sides = answers if answers.marks else TwoSides(*columns, marks_of(*columns))  # the answers' names are no guide to those of scores
    both = {base: pair for base, pair in scores_of(table.column_names, sides).items() if not used & set(pair) and base}
    reading.scored.update(both)
    natives = ("chosen_score", "rejected_score") if columns[0] == "chosen" else ("score_0", "score_1")
    there = [native for native in natives if native in reading.parts]
    if not there and not any(reading.spec.columns.get(native) == "" for native in natives):
        named = next((name for name in OVERALL if name in both and name not in reading.spec.attributes), None)
        if named is not None:
            reading.parts.update({native: Part(c, table.column(c)) for native, c in zip(natives, both.pop(named), strict=True)})
            there = list(natives)
    alone = [reading.parts[there[0]].name] if len(there) == 1 else []
    paired = {column for pair in both.values() for column in pair}
    for side in ("chosen_", "rejected_"):
        alone += [n for n in table.column_names if n.startswith(side) and n not in paired | used and is_rating(n.removeprefix(side))]
    alone += [n for n in table.column_names if n in ("is_response_0_safe", "is_response_1_safe") and n not in paired]
    found = {base: [Cells.of(reading.source, c, table.column(c), rows) for c in pair] for base, pair in both.items()}
    return found, list(dict.fromkeys(alone)), natives


def _difference(roles: Roles, natives: tuple[str, str]) -> np.ndarray | None:
    """Overall score of the first side less that of the second; None where a side has none."""
    first, second = (roles.read(native, _scores(native)) for native in natives)
    return None if first is None or second is None else first - second


def _ties(roles: Roles, choice: Choice | None, rows: np.ndarray, difference: np.ndarray | None) -> np.ndarray:
    tie = roles.read("tie", lambda cells: binary(cells, fix=_TIE_FIX) > 0)
    chosen_none = np.zeros(len(rows), bool) if choice is None else choice.side[rows] == 0.5
    if tie is not None:
        return tie | chosen_none
    return chosen_none if choice is not None or difference is None else difference == 0


def _check(reading: Reading, difference: np.ndarray, tie: np.ndarray, answers: TwoSides, natives: tuple[str, str]) -> None:
    names_ = "/".join(f"`{reading.parts[native].name}`" for native in natives)
    choice = f"`{reading.parts['choice'].name}`" if "choice" in reading.parts else f"`{answers.first}` over `{answers.second}`"
    off = ",".join(f"{native}=" for native in natives)
    turn = (
        "--choices first=VALUE,second=VALUE" if "choice" in reading.parts else f"--columns chosen={answers.second},rejected={answers.first}"
    )
    fix = f"if the preference is read the wrong way round: {turn}; if lower scores are better, leave them out: --columns {off}"
    outcome = np.where(tie, 0.5, 1.0)
    check_scores(difference, outcome, source=reading.source, choice=choice, scores=f"the scores {names_}", fix=fix)
