"""Answers that were shown side by side: two rows with the same ``pair`` id, of which one may be ``chosen``."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from probrm.data.columns.roles import Roles
from probrm.data.columns.values import Cells, binary, names
from probrm.errors import DataError


@dataclass(frozen=True)
class Shown:
    """The comparisons among n rows.

    Attributes:
        rival: int64 (n,), position among the used rows of the answer beside it; −1 where there was none.
        won: float32 (n,), 1 or 0 in the first row of a pair in which one was chosen; NaN elsewhere, so that each counts once.
    """

    rival: np.ndarray
    won: np.ndarray


def read_shown(roles: Roles, prompts: list[str]) -> Shown | None:
    """The comparisons of a log that has ``pair`` and ``chosen``; None without both.

    A pair of which one row was dropped (not shown, without a text) and one in which nobody chose tells nothing.

    Args:
        roles: reads native columns.
        prompts: of the n rows that are used.

    Raises:
        DataError: a pair of other than two rows, of two prompts, with both chosen; a choice without a pair.
    """
    if not {"pair", "chosen"} <= set(roles.parts):
        for native, other in (("pair", "chosen"), ("chosen", "pair")):
            if native in roles.parts:
                roles.notes.append(f"column {roles.parts[native].name!r} is not used: there is no column {other!r} beside it")
        return None
    part, column = roles.parts["pair"], roles.parts["chosen"].name
    fix = "give the two answers shown side by side one id, and leave it empty for answers shown alone; or: --columns pair="
    everywhere = np.arange(len(part.values), dtype=np.int64)
    pair = names(Cells.of(roles.source, part.name, part.values, everywhere), fix=fix)
    for name, count in pd.Series(pair, dtype=object).value_counts().items():
        if count != 2:
            rows = [int(i) + 1 for i in np.flatnonzero(pair == name)[:5]]
            where = f"{roles.source}, row{'s' * (count > 1)} {', '.join(map(str, rows))}{', …' * (count > len(rows))}"
            found = f"{name!r} is in {count} row{'s' * (count > 1)}"
            raise DataError(f"{where}, column {part.name!r}: {found}; allowed: two rows a pair", fix=fix)
    pair = pair[roles.rows]
    alone = pd.isna(pair)
    cells = Cells.of(roles.source, column, roles.parts["chosen"].values, roles.rows)
    chosen = binary(cells, fix="say 1 for the answer that was chosen, 0 for the other", missing=True)
    for bad, what in (
        (np.isnan(chosen) & ~alone, "0 or 1 in a row with a pair"),
        ((chosen == 1) & alone, "0 or missing in a row without a pair"),
    ):
        if bad.any():
            raise cells.error(int(bad.argmax()), what, fix)
    rival, won = np.full(len(pair), -1, dtype=np.int64), np.full(len(pair), np.nan, dtype=np.float32)
    for name, at in pd.Series(np.arange(len(pair))).groupby(pd.Series(pair, dtype=object), sort=False):
        if len(at) < 2:  # its rival was dropped
            continue
        first, second = (int(i) for i in at)
        where = f"{roles.source}, rows {roles.rows[first] + 1} and {roles.rows[second] + 1}"
        if prompts[first] != prompts[second]:
            raise DataError(f"{where}: the pair {name!r} has two prompts; allowed: two answers to one prompt", fix=fix)
        if chosen[first] == chosen[second] == 1:
            raise DataError(f"{where}, column {column!r}: both answers of the pair {name!r} are chosen; allowed: one, or none", fix=fix)
        rival[first], rival[second] = second, first
        if chosen[first] != chosen[second]:
            won[first] = chosen[first]
    return Shown(rival, won)
