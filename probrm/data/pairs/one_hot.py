"""Choices spread over several columns: one says that the first side won, one that the second did, and perhaps one that neither did."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from probrm.data.columns.matching import Part
from probrm.data.columns.sides import MARKS, TwoSides, counterparts, is_turned, parts_of
from probrm.data.columns.values import Cells, binary
from probrm.data.pairs.choices import Choice
from probrm.data.pairs.rating_names import plain
from probrm.errors import DataError

_WON = {"winner", "win", "wins", "won", "better", "preferred", "chosen", "best", "is_better", "is_preferred", "is_chosen"}
_TIES = ("tie", "tied", "draw")


def one_hot_columns(names: Collection[str], named: str | None = None, sides: TwoSides | None = None) -> tuple[str, str, str | None] | None:
    """The columns of the first side's wins, of the second's, and of ties (None without); None where there are no such columns.

    Args:
        names: the file's columns.
        named: one that the user names as the choice: then only those that it belongs to.
        sides: the columns of answers, whose marks say whose wins come first where they are named the other way round.
    """
    turned = sides is not None and is_turned(sides.marks)
    for marks in [sides.marks] if sides is not None and len(sides.marks) == 2 and turned else MARKS:
        for base, (first, second) in counterparts(names, marks).items():
            if not (_WON & set(plain(base).split("_")) or plain(base) in _WON) or named not in (None, first, second):
                continue
            around = parts_of(first, marks[0]) or ("", "")
            stem = plain(around[0]).split("_")[0]
            tie = next((n for n in names if plain(n) in _TIES or (stem in plain(n).split("_") and plain(n).split("_")[-1] in _TIES)), None)
            return first, second, tie
    return None


def read_one_hot(parts: list[Part], source: str, rows: np.ndarray, sides: TwoSides) -> Choice:
    """The choice that two or three columns of 0 and 1 say together: wins of the first side, of the second, and ties.

    Raises:
        DataError: a value is neither 0 nor 1, or a row has several ones.
    """
    fix = "write 1 in the column of the winner and 0 in the others"
    cells = [Cells.of(source, part.name, part.values, rows) for part in parts]
    flags = np.stack([binary(one, fix=fix) for one in cells])
    total = flags.sum(axis=0)
    names = "/".join(part.name for part in parts)
    if (total > 1).any():
        row = int((total > 1).argmax())
        raise DataError(f"{source}, row {rows[row] + 1}, columns {names}: found {int(total[row])} ones; allowed: one", fix=fix)
    nothing = np.nan if len(parts) == 3 else 0.5
    side = np.select([flags[0] == 1, flags[1] == 1, (flags[2:] == 1).any(axis=0)], [0.0, 1.0, 0.5], nothing)
    told = [f"{cells[0].name} means `{sides.first}`", f"{cells[1].name} `{sides.second}`", *(f"{one.name} neither" for one in cells[2:])]
    return Choice(side, None, ", ".join([*told, *(["none of them a tie"] if len(parts) == 2 else [])]))
